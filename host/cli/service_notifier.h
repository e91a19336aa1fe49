// SPDX-License-Identifier: Apache-2.0
//
// What a service manager such as systemd is told (sd_notify(3)): that the node takes blocks, one
// line of where it stands, that it stops; and, where a watchdog is set, that it lives.
//
// It lives where the thread that commits has gone round since the sign of life before, and where
// the node's status can be read, for which no lock may be held for ever. A plugin that hangs is no
// reason: the node goes on without it and says so.
//
// Without NOTIFY_SOCKET in the environment nothing is sent and no thread is started.
//
// Threading: Watch once, and Ready, on one thread; the others from any. Lifetime: what Watch was
// given outlives it.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "node/node.h"

namespace sluice {

class ServiceNotifier {
 public:
  ServiceNotifier();
  ~ServiceNotifier();
  ServiceNotifier(const ServiceNotifier&) = delete;
  ServiceNotifier& operator=(const ServiceNotifier&) = delete;

  // Begins to look at the node, which has been opened. While it starts, each look asks for more
  // time, so that a start that gets on is not given up.
  void Watch(Node* node);
  // It takes blocks.
  void Ready();
  // Around what SIGHUP asks for; nothing is said of it while the node starts.
  void Reloading();
  void Reloaded();
  // It ends, at the latest after about `at_most`. Nothing is said afterwards.
  void Stopping(Duration at_most);

 private:
  enum class State { kStarting, kReady, kReloading, kStopping };

  void Run();
  bool WaitForNextLook();
  void Tell(const NodeStatus& status, std::string* said_before);
  void Send(const std::string& message);

  const bool enabled_;
  const Duration watchdog_;  // how often the manager wants to hear; 0: never
  const Duration interval_;  // between two looks
  Node* node_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kStarting;  // guarded by mutex_, as is what is sent: in order
  std::thread thread_;
};

}  // namespace sluice
