// All of it: [any].

#include "HostFunctions.hpp"

#include "CallRecord.hpp"
#include "Instance.hpp"

namespace mph::host {

namespace {

// The plugin holds it as an opaque pointer and never looks into it.
Instance& FromHandle(mph_instance* instance) { return *reinterpret_cast<Instance*>(instance); }

mph_result HostVerdict(mph_instance* handle, uint32_t router, uint64_t ticket, mph_verdict verdict) {
  auto& instance = FromHandle(handle);

  return instance.GetLateVerdicts().Verdict(router, ticket, verdict, instance.IsInHand());
}

mph_result HostReplace(mph_instance* handle, uint32_t router, uint64_t ticket, const void* payload, size_t length) {
  auto& instance = FromHandle(handle);

  return instance.GetLateVerdicts().Replace(router, ticket, payload, length, instance.IsInHand());
}

mph_result HostExtend(mph_instance* handle, uint32_t router, uint64_t ticket, uint32_t microseconds) {
  auto& instance = FromHandle(handle);

  return instance.GetLateVerdicts().Extend(router, ticket, microseconds, instance.IsInHand());
}

mph_result HostBypass(mph_instance* handle, uint32_t router, uint32_t attachment, uint32_t producer, uint32_t ssrc, mph_bypass_unit unit,
                      uint32_t amount) {
  auto& instance = FromHandle(handle);

  return instance.GetLateVerdicts().Bypass(router, attachment, producer, ssrc, unit, amount, instance.IsInHand());
}

void HostLog(mph_instance* instance, mph_log_level level, const char* message) {
  FromHandle(instance).Log(level, message == nullptr ? "" : message);
}

void HostCount(mph_instance* instance, const char* name, uint64_t add) {
  FromHandle(instance).GetCounters().Add(name == nullptr ? "" : name, add);
}

mph_result HostSnapshot(mph_instance* instance, const void* bytes, size_t length) {
  return FromHandle(instance).GetSnapshots().Send(bytes, length);
}

// The number is there before the worker can have the record, since the result may come before this function returns.
uint64_t NumberFor(Instance& instance, uint64_t* call) {
  if (call == nullptr) {
    return 0;
  }
  *call = instance.GetCallNumbers().Next();

  return *call;
}

mph_result Submit(Instance& instance, uint32_t router, const std::optional<CallRecord>& record, uint64_t number) {
  return instance.GetCalls().rings.Submit(router, record, number);
}

mph_result HostInjectRtp(mph_instance* handle, const mph_rtp* rtp, uint64_t* call) {
  auto& instance = FromHandle(handle);
  const auto number = NumberFor(instance, call);
  const auto result = Submit(instance, rtp == nullptr ? 0 : rtp->router, MakeInjectRtp(rtp, number), number);

  instance.CountInjection(result);

  return result;
}

mph_result HostInjectData(mph_instance* handle, const mph_data_out* data, uint64_t* call) {
  auto& instance = FromHandle(handle);
  const auto number = NumberFor(instance, call);
  const auto result = Submit(instance, data == nullptr ? 0 : data->router, MakeInjectData(data, number), number);

  instance.CountInjection(result);

  return result;
}

mph_result HostReceiveRtp(mph_instance* handle, const mph_received_rtp* rtp, uint64_t* call) {
  auto& instance = FromHandle(handle);
  const auto number = NumberFor(instance, call);
  const auto result = Submit(instance, rtp == nullptr ? 0 : rtp->router, MakeReceiveRtp(rtp, number), number);

  instance.CountInjection(result);

  return result;
}

mph_result HostRequestKeyFrame(mph_instance* handle, uint32_t router, uint32_t producer, uint32_t ssrc, uint64_t* call) {
  auto& instance = FromHandle(handle);
  const auto number = NumberFor(instance, call);

  return Submit(instance, router, MakeKeyFrame(producer, ssrc, number), number);
}

mph_result HostSubscribe(mph_instance* handle, uint32_t router, uint32_t attachment, uint32_t producer, int wanted, uint64_t* call) {
  auto& instance = FromHandle(handle);
  const auto number = NumberFor(instance, call);

  return Submit(instance, router, MakeSubscribe(attachment, producer, wanted != 0, number), number);
}

// Without a number the worker is asked all the same, and its answer is for nobody.
mph_result HostQuery(mph_instance* handle, uint32_t router, mph_query what, uint32_t object, uint64_t* call) {
  auto& instance = FromHandle(handle);

  return instance.GetCalls().queries.Ask(router, what, object, NumberFor(instance, call));
}

mph_result HostPost(mph_instance* handle, const char* name, const void* body, size_t length, int binary) {
  auto& instance = FromHandle(handle);
  const auto result = instance.GetApp().Post(name, body, length, binary != 0);

  instance.CountPost(result);

  return result;
}

mph_result HostReply(mph_instance* instance, uint64_t request, int failed, const void* body, size_t length, int binary) {
  return FromHandle(instance).GetApp().Reply(request, failed != 0, body, length, binary != 0);
}

}  // namespace

constexpr mph_host HostFunctions{
    .size = sizeof(mph_host),
    .abi_version = MPH_ABI_VERSION,
    .verdict = HostVerdict,
    .log = HostLog,
    .count = HostCount,
    .snapshot = HostSnapshot,
    .replace = HostReplace,
    .extend = HostExtend,
    .bypass = HostBypass,
    .inject_rtp = HostInjectRtp,
    .inject_data = HostInjectData,
    .request_key_frame = HostRequestKeyFrame,
    .subscribe = HostSubscribe,
    .query = HostQuery,
    .post = HostPost,
    .reply = HostReply,
    .receive_rtp = HostReceiveRtp,
};

}  // namespace mph::host
