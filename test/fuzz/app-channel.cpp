// What the host is told on its channel by the app: messages of every type, with ids that are there and ones that are not, and raw bytes. Whatever it is,
// the host answers or refuses, and ends in good order as the channel does.

#include "Error.hpp"
#include "FuzzInput.hpp"
#include "Host.hpp"

#include <sys/socket.h>
#include <unistd.h>
#include <initializer_list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using mph::fuzz::FuzzInput;
using mph::fuzz::Require;
using namespace mph::host;
using namespace Mph::Control;
using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

constexpr int MaxMessages = 12;

const mph_host* functions = nullptr;

int Create(const mph_host* host, mph_instance* instance, const mph_instance_info* info, void** self, char* error, size_t errorSize) {
  Require(info->config[info->config_length] == '\0', "a config ends with a zero");
  functions = host;
  *self = instance;
  if (std::string_view(info->config) == "fail") {
    std::snprintf(error, errorSize, "as it was told");

    return 1;
  }

  return 0;
}

void OnMessage(void* self, const mph_message* message) {
  auto* const instance = static_cast<mph_instance*>(self);

  // A body is read to its end.
  const std::vector<uint8_t> body(static_cast<const uint8_t*>(message->body), static_cast<const uint8_t*>(message->body) + message->length);

  functions->post(instance, message->method, body.data(), body.size(), message->binary);
  if (message->request != 0) {
    functions->reply(instance, message->request, message->binary, body.data(), body.size(), message->binary);
  }
}

void OnRestore(void* self, const void* bytes, size_t length) { functions->snapshot(static_cast<mph_instance*>(self), bytes, length); }

const mph_plugin Descriptor{.size = sizeof(mph_plugin),
                            .abi_version = MPH_ABI_VERSION,
                            .name = "fuzzed",
                            .version = "1",
                            .create = Create,
                            .destroy = [](void*) {},
                            .on_packets = [](void*, const mph_batch*) {},
                            .on_restore = OnRestore,
                            .on_message = OnMessage};

class Code : public PluginCode {
 public:
  explicit Code(std::string file) : file_(std::move(file)) {}

  const std::string& File() const override { return file_; }
  const mph_plugin& Plugin() const override { return Descriptor; }

 private:
  const std::string file_;
};

class RunningThread : public Dispatcher::Thread {
 public:
  explicit RunningThread(Dispatcher& dispatcher) : thread_([&dispatcher] { dispatcher.Run(); }) {}
  ~RunningThread() override { thread_.join(); }

 private:
  std::thread thread_;
};

struct Process : Host::Process {
  void OnWorkerSocketOpened(int /*fd*/) override {}
  void OnWorkerSocketClosing(int /*fd*/) override {}
  std::shared_ptr<const PluginCode> LoadCode(const std::string& file) override {
    if (file != "good") {
      throw Error(ErrorCode::PluginFile, "there is no " + file);
    }

    return std::make_shared<Code>(file);
  }
  std::unique_ptr<Dispatcher::Thread> StartThread(Dispatcher& dispatcher) override { return std::make_unique<RunningThread>(dispatcher); }
  void LimitMemory(uint64_t /*bytes*/) override {}
  void ShutDownWorkerSockets() override {}
  [[noreturn]] void Abort() override {
    Require(false, "a plugin without a fault is said to have one");
    std::abort();
  }
  [[noreturn]] void ExitNow(int /*code*/) override {
    Require(false, "the host does not come to an end by itself");
    std::abort();
  }
};

std::string Text(FuzzInput& input, std::initializer_list<const char*> known) {
  const auto at = input.Take<uint8_t>();

  return at < 224 ? *(known.begin() + at % known.size()) : input.TakeString(20);
}

Offset<flatbuffers::String> String(FlatBufferBuilder& builder, FuzzInput& input, std::initializer_list<const char*> known) {
  return input.Take<uint8_t>() == 255 ? Offset<flatbuffers::String>() : builder.CreateString(Text(input, known));
}

Offset<flatbuffers::Vector<uint8_t>> Body(FlatBufferBuilder& builder, FuzzInput& input) {
  return input.TakeBool() ? Offset<flatbuffers::Vector<uint8_t>>() : builder.CreateVector(input.TakeBytes(input.TakeBelow(100)));
}

Bytes MakeMessage(FuzzInput& input) {
  FlatBufferBuilder builder;
  const auto id = input.Take<uint8_t>();
  const auto fds = static_cast<uint8_t>(input.Take<uint8_t>() == 255 ? 1 : 0);
  const auto pid = [&]() -> uint32_t { return input.Take<uint8_t>() % 4; };
  const auto frame = [&](auto body) { return MakeFrame(builder, id, body, fds); };
  const auto plugin = String(builder, input, {"p", "p", "q", ""});

  switch (input.Take<uint8_t>() % 16) {
    case 0:
    case 1:
    case 2: {
      const auto file = String(builder, input, {"good", "good", "good", "bad"});
      const auto config = String(builder, input, {"{}", "fail", "null"});
      const auto placement = static_cast<Placement>(input.Take<uint8_t>() % 6);

      return frame(CreateLoadPlugin(builder, plugin, file, config, placement, input.Take<uint32_t>()));
    }
    case 3:
      return frame(CreateUnloadPlugin(builder, plugin));
    case 4:
    case 5:
    case 6: {
      const auto of = pid();
      const auto shard = input.Take<uint8_t>() / 128U;
      const auto method = String(builder, input, {"m", ""});
      const auto body = Body(builder, input);

      return frame(CreatePluginRequest(builder, plugin, of, shard, method, body, input.TakeBool()));
    }
    case 7:
    case 8: {
      // Nobody listens there.
      const auto path = String(builder, input, {"/tmp/mph-fuzz-nobody.sock", ""});
      const auto of = pid();

      return frame(CreateConnectWorker(builder, of, path, String(builder, input, {"token"})));
    }
    case 9:
      return frame(CreateDisconnectWorker(builder, pid()));
    case 10: {
      const auto of = pid();
      const auto bytes = Body(builder, input);

      return frame(CreateStoreSnapshot(builder, of, input.Take<uint8_t>() / 128U, bytes, plugin));
    }
    case 11:
      return frame(CreateGetHostStats(builder));
    case 12:
      return frame(CreateShutdown(builder));
    case 13:
      return frame(CreateHello(builder));
    case 14: {
      const auto body = input.TakeBytes(input.TakeBelow(100));
      Bytes bytes(sizeof(uint32_t) + body.size());

      flatbuffers::WriteScalar(bytes.data(), static_cast<uint32_t>(body.size()));
      std::copy(body.begin(), body.end(), bytes.begin() + sizeof(uint32_t));

      return bytes;
    }
    default: {
      // A body without a value, or of a type that there is not.
      builder.Finish(CreateEnvelope(builder, id, fds, static_cast<Mph::Control::Body>(input.Take<uint8_t>()), 0), EnvelopeIdentifier());

      Bytes bytes(sizeof(uint32_t) + builder.GetSize());

      flatbuffers::WriteScalar(bytes.data(), static_cast<uint32_t>(builder.GetSize()));
      std::copy_n(builder.GetBufferPointer(), builder.GetSize(), bytes.begin() + sizeof(uint32_t));

      return bytes;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzInput input(data, size);
  int fds[2];

  Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "there can be a pair of sockets");

  const mph::shm::UniqueFd app(fds[0]);
  Bytes all;

  if (input.TakeBool()) {
    all = input.TakeRest();
  }
  for (int i = 0; i < MaxMessages && !input.IsEmpty(); ++i) {
    const auto message = MakeMessage(input);

    all.insert(all.end(), message.begin(), message.end());
  }
  Require(send(app.Get(), all.data(), all.size(), 0) == static_cast<ssize_t>(all.size()), "the socket takes the input");
  shutdown(app.Get(), SHUT_WR);

  Process process;
  Host host(mph::shm::UniqueFd(fds[1]), process);

  try {
    host.Run();
  } catch (const Error&) {
    // What is no message ends the process in good order (HostProcess.cpp).
  }

  return 0;
}
