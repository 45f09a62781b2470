// A thread of Node that runs a dispatcher: its loop wakes the dispatcher, and what the dispatcher has for a script goes to the thread's JavaScript.
// An app's main thread may run several of them, in turn.
#pragma once

#include "BatchMemory.hpp"
#include "Instance.hpp"
#include "ThreadDesk.hpp"

#include <napi.h>
#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace mph::addon {

class ScriptThread;

// What the core calls `self`.
struct ScriptInstance {
  ScriptThread& thread;
  host::Instance& instance;
  // By which JavaScript knows it.
  const uint32_t number;
};

// All of it: [its own thread].
class ScriptThread {
 public:
  // See addon.d.ts.
  static Napi::Value Run(const Napi::CallbackInfo& info);
  static Napi::Value TakeTurnNow(const Napi::CallbackInfo& info);

  // The one whose turn it is on the calling thread, if it is one's.
  static ScriptThread* Current();

  ScriptThread(const ScriptThread&) = delete;
  ScriptThread& operator=(const ScriptThread&) = delete;

  // From the core.
  ScriptInstance& Create(host::Instance& instance, const mph_instance_info& info);
  void Destroy(const ScriptInstance& instance);
  void OnPackets(const ScriptInstance& instance, const mph_batch& batch);
  void OnData(const ScriptInstance& instance, const mph_data_batch& batch);
  void OnEvent(const ScriptInstance& instance, const mph_event& event);
  void OnTick(const ScriptInstance& instance, uint64_t nowNs);
  void OnMessage(const ScriptInstance& instance, const mph_message& message);
  void OnAnswer(const ScriptInstance& instance, const mph_answer& answer);
  void OnRestore(const ScriptInstance& instance, std::span<const uint8_t> bytes);

  // Of the calling thread. From JavaScript: throws Napi::Error when there is none of that number.
  static ScriptInstance& Find(Napi::Env env, uint32_t number);
  // What JavaScript said outside of a callback is looked after in a turn.
  void WakeIfResting() const;
  // Once this turn is over.
  void EndAfterTurn(const std::string& reason);

 private:
  class OwnTurn;

  ScriptThread(Napi::Env env, uint32_t handle, std::shared_ptr<ThreadSlot> slot, const Napi::Object& callbacks);
  ~ScriptThread() = default;

  Napi::Value Begin();
  // True: there is more to do at once.
  bool Turn();
  std::optional<int> TakeTurn();
  napi_callback_scope OpenScope();
  bool Stay(int ms);
  void Rest(int ms);
  void Poll(int fd);
  // A handle of a loop that is not there for this alone does not keep it going.
  void Adopt(uv_handle_t* handle);
  void End(const std::string& reason);
  template <typename Handle>
  void Close(Handle*& handle);
  void CloseHandles();
  void OnHandleClosed();
  void OnTeardown(napi_async_cleanup_hook_handle hook);
  void OnRing(uint32_t router, const std::shared_ptr<const shm::Segment>& packets);
  // Both throw host::ThreadLost when JavaScript cannot be run, or has thrown.
  template <typename Body>
  void WithJavaScript(Body&& body);
  void Call(const Napi::FunctionReference& function, std::initializer_list<napi_value> arguments);
  template <typename Batch, typename Record>
  void CallBatch(const Napi::FunctionReference& function, const ScriptInstance& instance, const Batch& batch, const Record* const* records);
  napi_value Text(const char* text) const;

  const Napi::Env env_;
  const uint32_t handle_;
  const std::shared_ptr<ThreadSlot> slot_;
  host::Dispatcher& dispatcher_;
  const Napi::Promise::Deferred ended_;
  Napi::AsyncContext context_;
  Napi::FunctionReference create_;
  Napi::FunctionReference destroy_;
  Napi::FunctionReference memory_;
  Napi::FunctionReference packets_;
  Napi::FunctionReference data_;
  Napi::FunctionReference event_;
  Napi::FunctionReference message_;
  Napi::FunctionReference answer_;
  Napi::FunctionReference tick_;
  Napi::FunctionReference restore_;
  BatchMemory batch_;
  std::map<uint32_t, std::unique_ptr<ScriptInstance>> instances_;

  uv_loop_t* loop_{nullptr};
  // Of a thread that is there for this alone: it waits in the dispatcher as long as the loop has nothing else to do, which saves the loop's own two
  // polls per wake-up. Otherwise the loop waits, for the other two.
  uv_idle_t* idle_{nullptr};
  uint32_t turnsSinceLoop_{0};
  // New ones each time that the descriptor is another one: a handle's descriptor is for life.
  uv_poll_t* poll_{nullptr};
  int polled_{-1};
  uv_timer_t* timer_{nullptr};
  int openHandles_{0};
  napi_async_cleanup_hook_handle teardown_{nullptr};

  bool isInTurn_{false};
  bool hasEnded_{false};
  // No JavaScript runs on this thread any more.
  bool isLost_{false};
  std::string endReason_;
};

}  // namespace mph::addon
