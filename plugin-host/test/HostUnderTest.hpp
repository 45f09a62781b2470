// The real host binary, driven over its channel as the app does it.
#pragma once

#include "ControlSocket.hpp"
#include "Messages.hpp"
#include "Wait.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mph::test {

using host::Bytes;
using host::Frame;
using host::MakeFrame;
using host::ToString;

inline std::string Plugin(const std::string& name) { return MPH_TEST_PLUGINS "/" + name + ".so"; }

class HostUnderTest {
 public:
  // `errors`: where it prints to.
  explicit HostUnderTest(int errors = STDERR_FILENO) {
    int ends[2];

    Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "a socket pair can be made");

    posix_spawn_file_actions_t actions;
    char* const arguments[] = {const_cast<char*>(MPH_TEST_HOST), nullptr};

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 3);
    posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
    Require(posix_spawn(&pid_, MPH_TEST_HOST, &actions, nullptr, arguments, environ) == 0, "the host can be started");
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    channel_.emplace(shm::UniqueFd(ends[0]));
  }

  // A host that the test has not seen off ends well by itself; a sanitizer that found something ends it otherwise.
  ~HostUnderTest() {
    if (pid_ > 0) {
      channel_.reset();
      if (WaitForExit() != 0) {
        tap::ok(false, "the host exits with code 0 when its channel ends");
      }
    }
  }

  HostUnderTest(const HostUnderTest&) = delete;
  HostUnderTest& operator=(const HostUnderTest&) = delete;

  pid_t Pid() const { return pid_; }

  void Kill(int signal) const { kill(pid_, signal); }

  // As waitpid() gives it; -1 when it had to be killed.
  int WaitForExit() {
    if (pid_ > 0) {
      const bool exited = Until([this] { return waitpid(pid_, &status_, WNOHANG) == pid_; });

      if (!exited) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        status_ = -1;
      }
      pid_ = -1;
    }

    return status_;
  }

  // Closes the channel, as an app does that dies.
  void HangUp() { channel_.reset(); }

  // Sends a request and waits for its answer; messages that nobody asked for are kept.
  template <typename Build>
  Frame Ask(Build&& build) {
    flatbuffers::FlatBufferBuilder builder;
    const auto id = ++lastId_;

    channel_->Send(MakeFrame(builder, id, build(builder)), WatchdogMs);

    for (;;) {
      auto frame = Receive();

      if (frame.envelope->id() == id) {
        return frame;
      }
      unasked_.push_back(std::move(frame));
    }
  }

  // Sends without waiting, and returns the number of the request; its answer comes from AwaitUnasked().
  template <typename Build>
  uint32_t Send(Build&& build) {
    return Send(build, ++lastId_);
  }

  template <typename Build>
  uint32_t Send(Build&& build, uint32_t id) {
    flatbuffers::FlatBufferBuilder builder;

    channel_->Send(MakeFrame(builder, id, build(builder)), WatchdogMs);

    return id;
  }

  // The next message that nobody asked for.
  Frame AwaitUnasked() {
    if (!unasked_.empty()) {
      auto frame = std::move(unasked_.front());

      unasked_.erase(unasked_.begin());

      return frame;
    }

    return Receive();
  }

  void Shutdown() {
    flatbuffers::FlatBufferBuilder builder;

    channel_->Send(MakeFrame(builder, ++lastId_, Mph::Control::CreateShutdown(builder)), WatchdogMs);
  }

  // Requires that it works.
  void Load(const std::string& plugin, const std::string& config = "{}",
            Mph::Control::Placement placement = Mph::Control::Placement::Auto) {
    const auto answer = TryLoad(Plugin(plugin), config, placement);

    if (const auto* failure = answer.envelope->body_as_Failure()) {
      tap::comment(ToString(failure->message()));
    }
    Require(answer.envelope->body_as_PluginLoaded() != nullptr, "the plugin is loaded");
  }

  Frame TryLoad(const std::string& file, const std::string& config, Mph::Control::Placement placement = Mph::Control::Placement::Auto,
                uint64_t memoryLimit = 0) {
    return Ask([&](auto& builder) {
      return Mph::Control::CreateLoadPlugin(builder, builder.CreateString("plugin-1"), builder.CreateString(file),
                                            builder.CreateString(config), placement, memoryLimit);
    });
  }

  // One of a group. Requires that it works.
  void LoadMember(const std::string& id, const std::string& plugin, const std::string& config) {
    const auto answer = TryLoadMember(id, plugin, config);

    if (const auto* failure = answer.envelope->body_as_Failure()) {
      tap::comment(ToString(failure->message()));
    }
    Require(answer.envelope->body_as_PluginLoaded() != nullptr, "the plugin is loaded");
  }

  Frame TryLoadMember(const std::string& id, const std::string& plugin, const std::string& config) {
    return Ask([&](auto& builder) {
      return Mph::Control::CreateLoadPlugin(builder, builder.CreateString(id), builder.CreateString(Plugin(plugin)),
                                            builder.CreateString(config));
    });
  }

  Frame Unload(const std::string& id) {
    return Ask([&](auto& builder) { return Mph::Control::CreateUnloadPlugin(builder, builder.CreateString(id)); });
  }

  // Sends ConnectWorker and does not wait: the worker of the test has to accept in the same thread.
  void StartConnecting(uint32_t workerPid, const std::string& socketPath) {
    flatbuffers::FlatBufferBuilder builder;

    channel_->Send(
        MakeFrame(builder, ++lastId_,
                  Mph::Control::CreateConnectWorker(builder, workerPid, builder.CreateString(socketPath), builder.CreateString("secret"))),
        WatchdogMs);
  }

  Frame Disconnect(uint32_t workerPid) {
    return Ask([&](auto& builder) { return Mph::Control::CreateDisconnectWorker(builder, workerPid); });
  }

  // Is answered by Ok. `id`: of one of a group.
  Frame StoreSnapshot(uint32_t workerPid, const std::string& text, const std::string& id = "") {
    return Ask([&](auto& builder) {
      const auto bytes = builder.CreateVector(reinterpret_cast<const uint8_t*>(text.data()), text.size());

      return Mph::Control::CreateStoreSnapshot(builder, workerPid, 0, bytes, id.empty() ? 0 : builder.CreateString(id));
    });
  }

  // The stats of the instance that serves the worker; their frame must live as long as they are read.
  Frame AskStats() {
    return Ask([](auto& builder) { return Mph::Control::CreateGetHostStats(builder); });
  }

 private:
  Frame Receive() {
    for (;;) {
      if (auto frame = channel_->Next()) {
        return std::move(*frame);
      }

      pollfd readable{channel_->Fd(), POLLIN, 0};

      Require(poll(&readable, 1, WatchdogMs) == 1, "the host answers");
      Require(channel_->Receive() != host::ControlSocket::ReceiveResult::Closed, "the host is there to answer");
    }
  }

  pid_t pid_{-1};
  int status_{-1};
  std::optional<host::ControlSocket> channel_;
  uint32_t lastId_{0};
  std::vector<Frame> unasked_;
};

inline const Mph::Control::InstanceStats* StatsOf(const Frame& frame, uint32_t workerPid) {
  for (const auto* instance : *frame.envelope->body_as_HostStats()->instances()) {
    if (instance->workerPid() == workerPid) {
      return instance;
    }
  }

  return nullptr;
}

inline uint64_t CounterOf(const Frame& frame, uint32_t workerPid, const std::string& name) {
  if (const auto* instance = StatsOf(frame, workerPid)) {
    for (const auto* counter : *instance->counters()) {
      if (ToString(counter->name()) == name) {
        return counter->value();
      }
    }
  }

  return 0;
}

}  // namespace mph::test
