/* SPDX-License-Identifier: Apache-2.0 */
/* A sink that behaves: takes each height in memory and has it at once. With the setting `record` it
 * remembers where it stands, beyond the end of its process. */
#include "sink.h"

SINK_PLUGIN("memory", (void)0)
