/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints size and offset of everything that crosses the ABI, in the order of the header. Compared
 * with golden/abi-v1.txt: a line that changes breaks every plugin that is already built; lines are
 * only added, at the end of a struct.
 */
#include <sluice/plugin.h>
#include <stdio.h>

#define STRUCT(type) printf("%s size %u\n", #type, (unsigned)sizeof(type))
#define FIELD(type, field)                                                            \
  printf("%s.%s offset %u size %u\n", #type, #field, (unsigned)offsetof(type, field), \
         (unsigned)sizeof(((type*)0)->field))

static void Values(void) {
  STRUCT(sluice_bytes);
  FIELD(sluice_bytes, data);
  FIELD(sluice_bytes, size);
  STRUCT(sluice_text);
  FIELD(sluice_text, data);
  FIELD(sluice_text, size);
  STRUCT(sluice_digest);
  FIELD(sluice_digest, bytes);
}

static void Delivered(void) {
  STRUCT(sluice_change);
  FIELD(sluice_change, kind);
  FIELD(sluice_change, flags);
  FIELD(sluice_change, transaction);
  FIELD(sluice_change, sequence);
  FIELD(sluice_change, store);
  FIELD(sluice_change, key);
  FIELD(sluice_change, value);
  FIELD(sluice_change, old_value);
  STRUCT(sluice_message);
  FIELD(sluice_message, transaction);
  FIELD(sluice_message, result_code);
  FIELD(sluice_message, data);
  STRUCT(sluice_batch);
  FIELD(sluice_batch, struct_size);
  FIELD(sluice_batch, flags);
  FIELD(sluice_batch, epoch);
  FIELD(sluice_batch, attempt);
  FIELD(sluice_batch, height);
  FIELD(sluice_batch, newest_height);
  FIELD(sluice_batch, time_unix_nanos);
  FIELD(sluice_batch, digest);
  FIELD(sluice_batch, previous_digest);
  FIELD(sluice_batch, stream_id);
  FIELD(sluice_batch, part);
  FIELD(sluice_batch, last_part);
  FIELD(sluice_batch, changes);
  FIELD(sluice_batch, change_count);
  FIELD(sluice_batch, change_stride);
  FIELD(sluice_batch, messages);
  FIELD(sluice_batch, message_count);
  FIELD(sluice_batch, message_stride);
  FIELD(sluice_batch, canonical);
}

static void Host(void) {
  STRUCT(sluice_ack);
  FIELD(sluice_ack, struct_size);
  FIELD(sluice_ack, level);
  FIELD(sluice_ack, epoch);
  FIELD(sluice_ack, attempt);
  FIELD(sluice_ack, first_height);
  FIELD(sluice_ack, last_height);
  STRUCT(sluice_nack);
  FIELD(sluice_nack, struct_size);
  FIELD(sluice_nack, code);
  FIELD(sluice_nack, epoch);
  FIELD(sluice_nack, attempt);
  FIELD(sluice_nack, height);
  FIELD(sluice_nack, retry_after_nanos);
  FIELD(sluice_nack, text);
  STRUCT(sluice_host);
  FIELD(sluice_host, struct_size);
  FIELD(sluice_host, abi_minor);
  FIELD(sluice_host, context);
  FIELD(sluice_host, ack);
  FIELD(sluice_host, nack);
  FIELD(sluice_host, ready);
  FIELD(sluice_host, batch_retain);
  FIELD(sluice_host, batch_release);
  FIELD(sluice_host, log);
  FIELD(sluice_host, fail);
  FIELD(sluice_host, get_extension);
}

static void Instance(void) {
  STRUCT(sluice_start_args);
  FIELD(sluice_start_args, struct_size);
  FIELD(sluice_start_args, reserved);
  FIELD(sluice_start_args, settings);
  FIELD(sluice_start_args, stream_id);
  FIELD(sluice_start_args, sink_name);
  FIELD(sluice_start_args, home);
  FIELD(sluice_start_args, epoch);
  FIELD(sluice_start_args, deadline_nanos);
  FIELD(sluice_start_args, stores);
  FIELD(sluice_start_args, store_count);
  FIELD(sluice_start_args, key_prefixes);
  FIELD(sluice_start_args, key_prefix_count);
  STRUCT(sluice_start_result);
  FIELD(sluice_start_result, struct_size);
  FIELD(sluice_start_result, level);
  FIELD(sluice_start_result, capabilities);
  FIELD(sluice_start_result, max_part_bytes);
  STRUCT(sluice_position);
  FIELD(sluice_position, struct_size);
  FIELD(sluice_position, kind);
  FIELD(sluice_position, epoch);
  FIELD(sluice_position, height);
  FIELD(sluice_position, digest);
  FIELD(sluice_position, stream_id);
  STRUCT(sluice_attach_args);
  FIELD(sluice_attach_args, struct_size);
  FIELD(sluice_attach_args, reason);
  FIELD(sluice_attach_args, epoch);
  FIELD(sluice_attach_args, height);
  FIELD(sluice_attach_args, digest);
  STRUCT(sluice_instance);
  FIELD(sluice_instance, struct_size);
  FIELD(sluice_instance, reserved);
  FIELD(sluice_instance, state);
  FIELD(sluice_instance, start);
  FIELD(sluice_instance, resume);
  FIELD(sluice_instance, attach);
  FIELD(sluice_instance, deliver);
  FIELD(sluice_instance, cancel);
  FIELD(sluice_instance, drain);
  FIELD(sluice_instance, destroy);
  FIELD(sluice_instance, get_extension);
}

static void Plugin(void) {
  STRUCT(sluice_plugin);
  FIELD(sluice_plugin, struct_size);
  FIELD(sluice_plugin, abi_minor);
  FIELD(sluice_plugin, build_tag);
  FIELD(sluice_plugin, id);
  FIELD(sluice_plugin, version);
  FIELD(sluice_plugin, capabilities);
  FIELD(sluice_plugin, highest_level);
  FIELD(sluice_plugin, reserved);
  FIELD(sluice_plugin, settings_schema);
  FIELD(sluice_plugin, create);
}

static void Readback(void) {
  STRUCT(sluice_readback_args);
  FIELD(sluice_readback_args, struct_size);
  FIELD(sluice_readback_args, reserved);
  FIELD(sluice_readback_args, settings);
  FIELD(sluice_readback_args, stream_id);
  FIELD(sluice_readback_args, sink_name);
  FIELD(sluice_readback_args, home);
  FIELD(sluice_readback_args, last_height);
  STRUCT(sluice_readback_info);
  FIELD(sluice_readback_info, struct_size);
  FIELD(sluice_readback_info, flags);
  FIELD(sluice_readback_info, content);
  FIELD(sluice_readback_info, reserved);
  FIELD(sluice_readback_info, first_height);
  FIELD(sluice_readback_info, position);
  FIELD(sluice_readback_info, cursor);
  STRUCT(sluice_readback_item);
  FIELD(sluice_readback_item, struct_size);
  FIELD(sluice_readback_item, kind);
  FIELD(sluice_readback_item, flags);
  FIELD(sluice_readback_item, has_previous_digest);
  FIELD(sluice_readback_item, height);
  FIELD(sluice_readback_item, digest);
  FIELD(sluice_readback_item, previous_digest);
  FIELD(sluice_readback_item, canonical);
  FIELD(sluice_readback_item, changes);
  FIELD(sluice_readback_item, change_count);
  FIELD(sluice_readback_item, change_stride);
  FIELD(sluice_readback_item, store);
  FIELD(sluice_readback_item, key);
  FIELD(sluice_readback_item, value);
  STRUCT(sluice_readback_v1);
  FIELD(sluice_readback_v1, struct_size);
  FIELD(sluice_readback_v1, reserved);
  FIELD(sluice_readback_v1, open);
  FIELD(sluice_readback_v1, next);
  FIELD(sluice_readback_v1, close);
  STRUCT(sluice_snapshot_args);
  FIELD(sluice_snapshot_args, struct_size);
  FIELD(sluice_snapshot_args, flags);
  FIELD(sluice_snapshot_args, epoch);
  FIELD(sluice_snapshot_args, height);
  FIELD(sluice_snapshot_args, digest);
  FIELD(sluice_snapshot_args, time_unix_nanos);
  FIELD(sluice_snapshot_args, rows_about);
  STRUCT(sluice_row);
  FIELD(sluice_row, store);
  FIELD(sluice_row, key);
  FIELD(sluice_row, value);
  STRUCT(sluice_snapshot_part);
  FIELD(sluice_snapshot_part, struct_size);
  FIELD(sluice_snapshot_part, reserved);
  FIELD(sluice_snapshot_part, part);
  FIELD(sluice_snapshot_part, rows);
  FIELD(sluice_snapshot_part, row_count);
  FIELD(sluice_snapshot_part, row_stride);
  STRUCT(sluice_snapshot_v1);
  FIELD(sluice_snapshot_v1, struct_size);
  FIELD(sluice_snapshot_v1, reserved);
  FIELD(sluice_snapshot_v1, begin);
  FIELD(sluice_snapshot_v1, part);
  FIELD(sluice_snapshot_v1, end);
}

static void Provision(void) {
  STRUCT(sluice_plan);
  FIELD(sluice_plan, struct_size);
  FIELD(sluice_plan, reserved);
  FIELD(sluice_plan, context);
  FIELD(sluice_plan, write);
  STRUCT(sluice_provision_task);
  FIELD(sluice_provision_task, struct_size);
  FIELD(sluice_provision_task, reserved);
  FIELD(sluice_provision_task, id);
  STRUCT(sluice_provision_report);
  FIELD(sluice_provision_report, struct_size);
  FIELD(sluice_provision_report, state);
  FIELD(sluice_provision_report, code);
  FIELD(sluice_provision_report, cause);
  FIELD(sluice_provision_report, text);
  STRUCT(sluice_provision_v1);
  FIELD(sluice_provision_v1, struct_size);
  FIELD(sluice_provision_v1, reserved);
  FIELD(sluice_provision_v1, plan);
  FIELD(sluice_provision_v1, begin);
  FIELD(sluice_provision_v1, poll);
  FIELD(sluice_provision_v1, reset);
}

static void Metrics(void) {
  STRUCT(sluice_metrics_v1);
  FIELD(sluice_metrics_v1, struct_size);
  FIELD(sluice_metrics_v1, names_max);
  FIELD(sluice_metrics_v1, set);
  FIELD(sluice_metrics_v1, add);
}

int main(void) {
  Values();
  Delivered();
  Host();
  Instance();
  Plugin();
  Readback();
  Provision();
  Metrics();
  return 0;
}
