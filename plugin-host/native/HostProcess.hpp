// A host as a process of the system: what it inherits, how it ends, who ends it.
#pragma once

#include "CrashGuard.hpp"
#include "Host.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace mph::native {

class HostProcess : public host::Host::Process {
 public:
  // The channel with the app.
  static constexpr int AppChannelFd = 3;

  // What of the process is somebody else's as well: nobody's, so that it is to be made before the first thread; or Node's.
  enum class Within : uint8_t { Nothing, Node };

  // Throws host::Error when this process was not started by the library. [main]
  explicit HostProcess(Within within = Within::Nothing, CrashGuard::IsHandled isHandled = nullptr);

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
