// SPDX-License-Identifier: Apache-2.0
//
// The two tables of one instance, the plugin's and the host's, and the care that every use needs:
// made by `create`, checked, ended by `destroy` exactly once.
//
// Threading: Create and Destroy on the owner's control thread; the accessors on any.
// Ownership: whoever owns it must end it, with Destroy or Abandon.
#pragma once

#include "plugin/host_table.h"
#include "plugin/plugin_library.h"
#include "sluice/plugin.h"

namespace sluice {

class RawInstance {
 public:
  // `library` lives as long as the process. kPlugin with the plugin's text, or where its table is
  // wrong.
  static Result<RawInstance> Create(const sluice_plugin* library, const InstanceOptions& options,
                                    InstanceListener* listener);

  const sluice_instance* table() const { return table_; }
  void* state() const { return table_->state; }
  const HostHandle* handle() const { return handle_; }
  // An extension of the instance, or null.
  const void* GetExtension(const char* id) const;

  // After either of them no call of the plugin reaches the listener.
  void Destroy();
  void Abandon();

 private:
  RawInstance(HostHandle* handle, const sluice_instance* table) : handle_(handle), table_(table) {}

  HostHandle* handle_;
  const sluice_instance* table_;
};

}  // namespace sluice
