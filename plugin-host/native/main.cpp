// mediasoup-plugin-host-native: the process that runs native plugins.

#include "Host.hpp"
#include "HostProcess.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>

int main() {
  try {
    mph::native::HostProcess process;
    mph::host::Host host(mph::shm::UniqueFd(mph::native::HostProcess::AppChannelFd), process);

    return host.Run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mediasoup-plugin-host-native: %s\n", error.what());

    return EXIT_FAILURE;
  }
}
