# SPDX-License-Identifier: Apache-2.0
"""What Kafka's own tools do with topics, by librdkafka: a JVM takes seconds for each."""

import ctypes

LIBRARY = ctypes.CDLL("librdkafka.so.1")
PRODUCER = 0
TOPIC_RESOURCE = 2
REQUEST_MS = 60000
# Pointers do not fit into the int that ctypes takes results for.
for name in ("conf_new", "new", "queue_new", "queue_poll", "NewTopic_new", "DeleteTopic_new",
             "ConfigResource_new", "AdminOptions_new", "event_CreateTopics_result",
             "event_DeleteTopics_result", "event_AlterConfigs_result", "CreateTopics_result_topics",
             "DeleteTopics_result_topics", "AlterConfigs_result_resources",
             "topic_partition_list_new", "topic_partition_list_add", "DeleteRecords_new"):
    getattr(LIBRARY, f"rd_kafka_{name}").restype = ctypes.c_void_p
for name in ("event_error_string", "topic_result_error_string", "ConfigResource_error_string"):
    getattr(LIBRARY, f"rd_kafka_{name}").restype = ctypes.c_char_p


def call(name, *arguments):
    return getattr(LIBRARY, f"rd_kafka_{name}")(*arguments)


def pointer(value):
    return ctypes.c_void_p(value)


def request(brokers, operation, item, error_string=None, result_items=None):
    """One request about one item; raises what the broker says against it: against the item too,
    where the functions are given that tell."""
    text = ctypes.create_string_buffer(512)
    conf = pointer(call("conf_new"))
    call("conf_set", conf, b"bootstrap.servers", brokers.encode(), text, 512)
    handle = pointer(call("new", PRODUCER, conf, text, 512))
    queue = pointer(call("queue_new", handle))
    options = pointer(call("AdminOptions_new", handle, 0))
    call("AdminOptions_set_request_timeout", options, REQUEST_MS, text, 512)
    call(operation, handle, (ctypes.c_void_p * 1)(item), ctypes.c_size_t(1), options, queue)
    event = pointer(call("queue_poll", queue, 2 * REQUEST_MS))
    try:
        if not event.value:
            raise AssertionError(f"{operation}: no answer")
        if call("event_error", event) != 0:
            raise AssertionError(f"{operation}: {call('event_error_string', event).decode()}")
        if error_string is None:
            return
        result = pointer(call(f"event_{operation}_result", event))
        count = ctypes.c_size_t()
        items = pointer(call(result_items, result, ctypes.byref(count)))
        first = ctypes.cast(items, ctypes.POINTER(ctypes.c_void_p))[0]
        wrong = call(error_string, pointer(first))
        if wrong:
            raise AssertionError(f"{operation}: {wrong.decode()}")
    finally:
        call("event_destroy", event)
        call("AdminOptions_destroy", options)
        call("queue_destroy", queue)
        call("destroy", handle)


def create_topic(brokers, topic, **config):
    text = ctypes.create_string_buffer(512)
    item = call("NewTopic_new", topic.encode(), 1, -1, text, 512)
    for name, value in config.items():
        call("NewTopic_set_config", pointer(item), name.encode(), str(value).encode())
    request(brokers, "CreateTopics", item, "topic_result_error_string", "CreateTopics_result_topics")
    call("NewTopic_destroy", pointer(item))


def delete_topic(brokers, topic):
    item = call("DeleteTopic_new", topic.encode())
    request(brokers, "DeleteTopics", item, "topic_result_error_string", "DeleteTopics_result_topics")
    call("DeleteTopic_destroy", pointer(item))


def delete_records(brokers, topic, partition, offset):
    """Those before the offset."""
    places = pointer(call("topic_partition_list_new", 1))
    call("topic_partition_list_add", places, topic.encode(), partition)
    call("topic_partition_list_set_offset", places, topic.encode(), partition,
         ctypes.c_int64(offset))
    item = call("DeleteRecords_new", places)
    call("topic_partition_list_destroy", places)
    request(brokers, "DeleteRecords", item)
    call("DeleteRecords_destroy", pointer(item))


def alter_topic(brokers, topic, name, value):
    """Sets one property; the topic's others go back to the broker's defaults."""
    item = call("ConfigResource_new", TOPIC_RESOURCE, topic.encode())
    call("ConfigResource_set_config", pointer(item), name.encode(), str(value).encode())
    request(brokers, "AlterConfigs", item, "ConfigResource_error_string",
            "AlterConfigs_result_resources")
    call("ConfigResource_destroy", pointer(item))
