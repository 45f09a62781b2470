// The native host as a process of the system: what it inherits, how it ends, who ends it.
#pragma once

#include "Host.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace mph::native {

class HostProcess : public host::Host::Process {
 public:
  // The channel with the app.
  static constexpr int AppChannelFd = 3;

  // To be made before the first thread. Throws host::Error when this process was not started by the library. [main]
  HostProcess();

  void OnWorkerSocketOpened(int fd) override;
  void OnWorkerSocketClosing(int fd) override;
  std::shared_ptr<const host::PluginCode> LoadCode(const std::string& file) override;
  std::unique_ptr<host::Dispatcher::Thread> StartThread(host::Dispatcher& dispatcher) override;
  void LimitMemory(uint64_t bytes) override;
  void ShutDownWorkerSockets() override;
  [[noreturn]] void Abort() override;
  [[noreturn]] void ExitNow(int code) override;
};

}  // namespace mph::native
