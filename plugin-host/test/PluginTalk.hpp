// How an app talks to the plugins of a host, and what the fixture `caller` makes of it.
#pragma once

#include "HostUnderTest.hpp"

#include <cstdlib>
#include <optional>
#include <string>

namespace mph::test {

inline std::string TextOf(const flatbuffers::Vector<uint8_t>* bytes) {
  return bytes == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

// For builders of MakeFrame(). nullopt: no body.
inline auto PluginRequest(uint32_t workerPid, const std::string& method, const std::optional<std::string>& body, bool binary = false,
                          const std::string& pluginId = "plugin-1") {
  return [=](flatbuffers::FlatBufferBuilder& builder) {
    const auto plugin = builder.CreateString(pluginId);
    const auto name = builder.CreateString(method);
    const auto bytes = body ? builder.CreateVector(reinterpret_cast<const uint8_t*>(body->data()), body->size())
                            : flatbuffers::Offset<flatbuffers::Vector<uint8_t>>();

    return Mph::Control::CreatePluginRequest(builder, plugin, workerPid, 0, name, bytes, binary);
  };
}

// Requires that the plugin answers, and returns the frame of the PluginReply.
inline Frame Request(HostUnderTest& host, uint32_t workerPid, const std::string& method, const std::optional<std::string>& body,
                     bool binary = false) {
  auto frame = host.Ask(PluginRequest(workerPid, method, body, binary));

  if (const auto* failure = frame.envelope->body_as_Failure()) {
    tap::comment(ToString(failure->message()));
  }
  Require(frame.envelope->body_as_PluginReply() != nullptr, "the plugin answers");

  return frame;
}

// The value of `"field": 123` in flat JSON.
inline uint64_t NumberIn(const std::string& json, const std::string& field) {
  const auto found = json.find("\"" + field + "\":");

  return found == std::string::npos ? ~uint64_t{0} : std::strtoull(json.c_str() + found + field.size() + 3, nullptr, 10);
}

struct Called {
  uint64_t result;
  uint64_t call;
};

// Has the plugin `caller` call a function of the host.
inline Called Call(HostUnderTest& host, uint32_t workerPid, const std::string& method, const std::string& body) {
  const auto frame = Request(host, workerPid, method, body);
  const auto text = TextOf(frame.envelope->body_as_PluginReply()->body());

  return {NumberIn(text, "result"), NumberIn(text, "call")};
}

// The next message of a plugin: its name and its body, and nothing else in between.
inline std::pair<std::string, std::string> AwaitMessage(HostUnderTest& host) {
  const auto frame = host.AwaitUnasked();
  const auto* message = frame.envelope->body_as_PluginMessage();

  Require(message != nullptr, "a message of the plugin comes");

  return {ToString(message->name()), TextOf(message->body())};
}

}  // namespace mph::test
