// SPDX-License-Identifier: Apache-2.0
#include "plugin/raw_instance.h"

#include "plugin/call_frame.h"
#include "plugin/handshake.h"

namespace sluice {

Result<RawInstance> RawInstance::Create(const sluice_plugin* library,
                                        const InstanceOptions& options,
                                        InstanceListener* listener) {
  HostHandle* const handle = HostHandle::Create(options, listener);
  CallFrame frame(handle);
  const sluice_instance* const table = library->create(handle->table());
  if (table == nullptr) {
    handle->Close();
    return Error(StatusCode::kPlugin, frame.Finish(SLUICE_FATAL).message());
  }
  RawInstance instance(handle, table);
  if (Status status = CheckInstanceTable(table); !status.ok()) {
    if (SLUICE_HAS(table, sluice_instance, destroy) && table->destroy != nullptr) {
      instance.Destroy();
    } else {
      instance.Abandon();
    }
    return Error(std::move(status));
  }
  return instance;
}

const void* RawInstance::GetExtension(const char* id) const {
  if (!SLUICE_HAS(table_, sluice_instance, get_extension) || table_->get_extension == nullptr) {
    return nullptr;
  }
  const CallFrame frame(handle_);
  return table_->get_extension(table_->state, id);
}

void RawInstance::Destroy() {
  {
    const CallFrame frame(handle_);
    table_->destroy(table_->state);
  }
  handle_->Close();
}

void RawInstance::Abandon() { handle_->Abandon(); }

}  // namespace sluice
