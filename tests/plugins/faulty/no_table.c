/* SPDX-License-Identifier: Apache-2.0 */
/* Its entry returns nothing. */
#include <sluice/plugin.h>

const sluice_plugin* sluice_plugin_entry_v1(void) { return NULL; }
