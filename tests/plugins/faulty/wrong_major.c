/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin of a later major version of the ABI. */
#define EXPORT __attribute__((visibility("default")))
EXPORT const void* sluice_plugin_entry_v2(void);
EXPORT const void* sluice_plugin_entry_v2(void) { return 0; }
