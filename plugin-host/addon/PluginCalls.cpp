#include "PluginCalls.hpp"

#include "HostFunctions.hpp"
#include "ScriptCode.hpp"
#include "ScriptThread.hpp"

#include <string>
#include <vector>

namespace mph::addon {

namespace {

using host::HostFunctions;

// The last call on this thread that wants an answer: how many its instance had made before, since the number itself is too large for JavaScript.
thread_local uint64_t lastCall = 0;

ScriptInstance& InstanceOf(const Napi::CallbackInfo& info) { return ScriptThread::Find(info.Env(), info[0].As<Napi::Number>().Uint32Value()); }

mph_instance* HandleOf(const ScriptInstance& script) { return reinterpret_cast<mph_instance*>(&script.instance); }

uint32_t U32(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }
uint64_t U64(const Napi::Value& value) { return static_cast<uint64_t>(value.As<Napi::Number>().DoubleValue()); }
std::string Utf8(const Napi::Value& value) { return value.As<Napi::String>().Utf8Value(); }

// Of a Uint8Array; nullptr when it is empty.
struct View {
  const uint8_t* data{nullptr};
  size_t length{0};
};

View ViewOf(const Napi::Value& value) {
  const auto array = value.As<Napi::Uint8Array>();

  return {array.Data(), array.ElementLength()};
}

// A body as the app gets it.
struct Body {
  explicit Body(const Napi::Value& value) {
    if (value.IsString()) {
      text = Utf8(value);
      data = text.data();
      length = text.size();
    } else if (!value.IsUndefined()) {
      const auto view = ViewOf(value);

      // No bytes are a body all the same.
      data = view.data != nullptr ? static_cast<const void*>(view.data) : "";
      length = view.length;
      isBinary = true;
    }
  }

  std::string text;
  const void* data{nullptr};
  size_t length{0};
  bool isBinary{false};
};

template <typename Number>
std::vector<Number> NumbersIn(const Napi::Object& object, const char* name) {
  std::vector<Number> numbers;

  if (const auto value = object.Get(name); value.IsArray()) {
    const auto array = value.As<Napi::Array>();

    for (uint32_t i = 0; i < array.Length(); ++i) {
      numbers.push_back(static_cast<Number>(U32(array.Get(i))));
    }
  }

  return numbers;
}

uint32_t NumberIn(const Napi::Object& object, const char* name, uint32_t otherwise) {
  const auto value = object.Get(name);

  return value.IsNumber() ? U32(value) : otherwise;
}

bool FlagIn(const Napi::Object& object, const char* name) { return object.Get(name).ToBoolean().Value(); }

uint64_t CauseIn(const Napi::Object& object) {
  const auto value = object.Get("cause");
  bool isLossless = true;

  return value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&isLossless) : 0;
}

Napi::Value Result(const Napi::CallbackInfo& info, mph_result result) { return Napi::Number::New(info.Env(), result); }

// It is looked after before long, whenever it was said.
Napi::Value Said(const Napi::CallbackInfo& info, const ScriptInstance& script, mph_result result) {
  script.thread.WakeIfResting();

  return Result(info, result);
}

// `make`: does it, and gives it a number if that is not nullptr.
template <typename Make>
Napi::Value Call(const Napi::CallbackInfo& info, const ScriptInstance& script, bool wantsAnswer, Make&& make) {
  uint64_t number = 0;
  const auto result = make(wantsAnswer ? &number : nullptr);

  if (wantsAnswer) {
    lastCall = script.instance.GetCallNumbers().IndexOf(number);
  }

  return Said(info, script, result);
}

void Created(const Napi::CallbackInfo& info) {
  const auto& script = InstanceOf(info);
  const auto what = info[1].As<Napi::Object>();

  ScriptCode::Of(script.instance.Plugin()).SetIdentity(Utf8(what.Get("name")), Utf8(what.Get("version")));
  script.instance.FinishStart({
      .packets = FlagIn(what, "wantsPackets"),
      .data = FlagIn(what, "wantsData"),
      .tickIntervalMs = NumberIn(what, "tickIntervalMs", 0),
  });
  script.thread.WakeIfResting();
}

void CreateFailed(const Napi::CallbackInfo& info) {
  const auto& script = InstanceOf(info);

  script.instance.FailStart(Utf8(info[1]));
  script.thread.WakeIfResting();
}

void EndThread(const Napi::CallbackInfo& info) { InstanceOf(info).thread.EndAfterTurn(Utf8(info[1])); }

void Log(const Napi::CallbackInfo& info) {
  HostFunctions.log(HandleOf(InstanceOf(info)), static_cast<mph_log_level>(U32(info[1])), Utf8(info[2]).c_str());
}

void Count(const Napi::CallbackInfo& info) { HostFunctions.count(HandleOf(InstanceOf(info)), Utf8(info[1]).c_str(), U64(info[2])); }

Napi::Value Snapshot(const Napi::CallbackInfo& info) {
  const auto bytes = ViewOf(info[1]);

  return Result(info, HostFunctions.snapshot(HandleOf(InstanceOf(info)), bytes.data, bytes.length));
}

Napi::Value Verdict(const Napi::CallbackInfo& info) {
  return Result(info, HostFunctions.verdict(HandleOf(InstanceOf(info)), U32(info[1]), U64(info[2]), static_cast<mph_verdict>(U32(info[3]))));
}

Napi::Value Replace(const Napi::CallbackInfo& info) {
  const auto payload = ViewOf(info[3]);

  return Result(info, HostFunctions.replace(HandleOf(InstanceOf(info)), U32(info[1]), U64(info[2]), payload.data, payload.length));
}

Napi::Value Extend(const Napi::CallbackInfo& info) {
  return Result(info, HostFunctions.extend(HandleOf(InstanceOf(info)), U32(info[1]), U64(info[2]), U32(info[3])));
}

Napi::Value Bypass(const Napi::CallbackInfo& info) {
  return Result(info, HostFunctions.bypass(HandleOf(InstanceOf(info)), U32(info[1]), U32(info[2]), U32(info[3]), U32(info[4]),
                                           static_cast<mph_bypass_unit>(U32(info[5])), U32(info[6])));
}

Napi::Value InjectRtp(const Napi::CallbackInfo& info) {
  constexpr uint32_t NoLevel = 255;
  const auto& script = InstanceOf(info);
  const auto what = info[1].As<Napi::Object>();
  const auto payload = ViewOf(what.Get("payload"));
  const auto consumers = NumbersIn<uint32_t>(what, "consumers");
  const mph_rtp rtp{
      .size = sizeof(mph_rtp),
      .router = NumberIn(what, "router", 0),
      .producer = NumberIn(what, "producer", 0),
      .ssrc = NumberIn(what, "ssrc", 0),
      .timestamp = NumberIn(what, "timestamp", 0),
      .payload_type = static_cast<uint8_t>(NumberIn(what, "payloadType", 0)),
      .marker = static_cast<uint8_t>(FlagIn(what, "marker") ? 1 : 0),
      .audio_level = static_cast<uint8_t>(NumberIn(what, "audioLevel", NoLevel)),
      .voice = static_cast<uint8_t>(FlagIn(what, "voice") ? 1 : 0),
      .payload = payload.data,
      .payload_length = static_cast<uint32_t>(payload.length),
      .consumer_count = static_cast<uint32_t>(consumers.size()),
      .consumers = consumers.data(),
      .cause = CauseIn(what),
  };

  return Call(info, script, info[2].ToBoolean().Value(), [&](uint64_t* call) { return HostFunctions.inject_rtp(HandleOf(script), &rtp, call); });
}

Napi::Value InjectData(const Napi::CallbackInfo& info) {
  const auto& script = InstanceOf(info);
  const auto what = info[1].As<Napi::Object>();
  const auto message = ViewOf(what.Get("message"));
  const auto consumers = NumbersIn<uint32_t>(what, "consumers");
  const auto subchannels = NumbersIn<uint16_t>(what, "subchannels");
  const auto required = what.Get("requiredSubchannel");
  const auto ignored = what.Get("ignoredSubchannel");
  const mph_data_out data{
      .size = sizeof(mph_data_out),
      .router = NumberIn(what, "router", 0),
      .data_producer = NumberIn(what, "dataProducer", 0),
      .ppid = NumberIn(what, "ppid", 0),
      .message = message.data,
      .message_length = static_cast<uint32_t>(message.length),
      .consumer_count = static_cast<uint32_t>(consumers.size()),
      .consumers = consumers.data(),
      .subchannels = subchannels.data(),
      .subchannel_count = static_cast<uint32_t>(subchannels.size()),
      .required_subchannel = required.IsNumber() ? required.As<Napi::Number>().Int32Value() : -1,
      .cause = CauseIn(what),
      .as_received = static_cast<uint8_t>(FlagIn(what, "asReceived") ? 1 : 0),
      .has_ignored_subchannel = static_cast<uint8_t>(ignored.IsNumber() ? 1 : 0),
      .ignored_subchannel = static_cast<uint16_t>(ignored.IsNumber() ? U32(ignored) : 0),
  };

  return Call(info, script, info[2].ToBoolean().Value(), [&](uint64_t* call) { return HostFunctions.inject_data(HandleOf(script), &data, call); });
}

Napi::Value ReceiveRtp(const Napi::CallbackInfo& info) {
  const auto& script = InstanceOf(info);
  const auto what = info[1].As<Napi::Object>();
  const auto packet = ViewOf(what.Get("packet"));
  const mph_received_rtp rtp{
      .size = sizeof(mph_received_rtp),
      .router = NumberIn(what, "router", 0),
      .producer = NumberIn(what, "producer", 0),
      .packet_length = static_cast<uint32_t>(packet.length),
      .packet = packet.data,
      .cause = CauseIn(what),
  };

  return Call(info, script, info[2].ToBoolean().Value(), [&](uint64_t* call) { return HostFunctions.receive_rtp(HandleOf(script), &rtp, call); });
}

Napi::Value RequestKeyFrame(const Napi::CallbackInfo& info) {
  const auto& script = InstanceOf(info);

  return Call(info, script, info[4].ToBoolean().Value(), [&](uint64_t* call) {
    return HostFunctions.request_key_frame(HandleOf(script), U32(info[1]), U32(info[2]), U32(info[3]), call);
  });
}

Napi::Value Subscribe(const Napi::CallbackInfo& info) {
  const auto& script = InstanceOf(info);
  const int wanted = info[4].ToBoolean().Value() ? 1 : 0;

  return Call(info, script, info[5].ToBoolean().Value(), [&](uint64_t* call) {
    return HostFunctions.subscribe(HandleOf(script), U32(info[1]), U32(info[2]), U32(info[3]), wanted, call);
  });
}

Napi::Value Query(const Napi::CallbackInfo& info) {
  const auto& script = InstanceOf(info);

  return Call(info, script, true, [&](uint64_t* call) {
    return HostFunctions.query(HandleOf(script), U32(info[1]), static_cast<mph_query>(U32(info[2])), U32(info[3]), call);
  });
}

Napi::Value LastCall(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), static_cast<double>(lastCall)); }

Napi::Value Post(const Napi::CallbackInfo& info) {
  const Body body(info[2]);

  return Result(info, HostFunctions.post(HandleOf(InstanceOf(info)), Utf8(info[1]).c_str(), body.data, body.length, body.isBinary ? 1 : 0));
}

Napi::Value Reply(const Napi::CallbackInfo& info) {
  const Body body(info[3]);

  return Result(info, HostFunctions.reply(HandleOf(InstanceOf(info)), U64(info[1]), info[2].ToBoolean().Value() ? 1 : 0, body.data, body.length,
                                          body.isBinary ? 1 : 0));
}

template <auto Function>
void Add(Napi::Env env, Napi::Object& exports, const char* name) {
  exports.Set(name, Napi::Function::New<Function>(env, name));
}

}  // namespace

void AddPluginCalls(Napi::Env env, Napi::Object exports) {
  Add<Created>(env, exports, "created");
  Add<CreateFailed>(env, exports, "createFailed");
  Add<EndThread>(env, exports, "endThread");
  Add<Log>(env, exports, "log");
  Add<Count>(env, exports, "count");
  Add<Snapshot>(env, exports, "snapshot");
  Add<Verdict>(env, exports, "verdict");
  Add<Replace>(env, exports, "replace");
  Add<Extend>(env, exports, "extend");
  Add<Bypass>(env, exports, "bypass");
  Add<InjectRtp>(env, exports, "injectRtp");
  Add<InjectData>(env, exports, "injectData");
  Add<ReceiveRtp>(env, exports, "receiveRtp");
  Add<RequestKeyFrame>(env, exports, "requestKeyFrame");
  Add<Subscribe>(env, exports, "subscribe");
  Add<Query>(env, exports, "query");
  Add<LastCall>(env, exports, "lastCall");
  Add<Post>(env, exports, "post");
  Add<Reply>(env, exports, "reply");
}

}  // namespace mph::addon
