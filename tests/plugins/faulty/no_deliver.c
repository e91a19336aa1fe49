/* SPDX-License-Identifier: Apache-2.0 */
/* Its instance table has no `deliver`. */
#include "sink.h"

SINK_PLUGIN("no_deliver", table->deliver = NULL)
