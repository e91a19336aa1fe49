/* SPDX-License-Identifier: Apache-2.0 */
/* Its instance table ends before `destroy`. */
#include "sink.h"

SINK_PLUGIN("short_instance", table->struct_size = offsetof(sluice_instance, drain))
