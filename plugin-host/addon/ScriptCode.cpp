#include "ScriptCode.hpp"

#include "ScriptThread.hpp"

#include <cstdio>
#include <exception>
#include <utility>

namespace mph::addon {

namespace {

ScriptInstance& InstanceOf(void* self) { return *static_cast<ScriptInstance*>(self); }

int Create(const mph_host*, mph_instance* instance, const mph_instance_info* info, void** self, char* error, size_t errorSize) {
  auto* const thread = ScriptThread::Current();

  if (thread == nullptr) {
    std::snprintf(error, errorSize, "a script runs on a thread of Node only");

    return 1;
  }
  *self = &thread->Create(*reinterpret_cast<host::Instance*>(instance), *info);

  return 0;
}

void Destroy(void* self) {
  auto& instance = InstanceOf(self);

  instance.thread.Destroy(instance);
}

void OnPackets(void* self, const mph_batch* batch) { InstanceOf(self).thread.OnPackets(InstanceOf(self), *batch); }
void OnData(void* self, const mph_data_batch* batch) { InstanceOf(self).thread.OnData(InstanceOf(self), *batch); }
void OnEvent(void* self, const mph_event* event) { InstanceOf(self).thread.OnEvent(InstanceOf(self), *event); }
void OnTick(void* self, uint64_t nowNs) { InstanceOf(self).thread.OnTick(InstanceOf(self), nowNs); }
void OnMessage(void* self, const mph_message* message) { InstanceOf(self).thread.OnMessage(InstanceOf(self), *message); }
void OnAnswer(void* self, const mph_answer* answer) { InstanceOf(self).thread.OnAnswer(InstanceOf(self), *answer); }

void OnRestore(void* self, const void* bytes, size_t length) {
  InstanceOf(self).thread.OnRestore(InstanceOf(self), {static_cast<const uint8_t*>(bytes), length});
}

}  // namespace

ScriptCode::ScriptCode(std::string file) : file_(std::move(file)), name_(file_.substr(file_.rfind('/') + 1)), version_("0.0.0") {
  descriptor_.size = sizeof(mph_plugin);
  descriptor_.abi_version = MPH_ABI_VERSION;
  descriptor_.name = name_.c_str();
  descriptor_.version = version_.c_str();
  descriptor_.create = addon::Create;
  descriptor_.destroy = addon::Destroy;
  descriptor_.on_packets = addon::OnPackets;
  descriptor_.on_event = addon::OnEvent;
  descriptor_.on_tick = addon::OnTick;
  descriptor_.on_restore = addon::OnRestore;
  descriptor_.on_data = addon::OnData;
  descriptor_.on_message = addon::OnMessage;
  descriptor_.on_answer = addon::OnAnswer;
  descriptor_.code = this;
}

void ScriptCode::SetIdentity(const std::string& name, const std::string& version) const {
  std::call_once(isIdentified_, [&] {
    name_ = name;
    version_ = version;
    descriptor_.name = name_.c_str();
    descriptor_.version = version_.c_str();
  });
}

}  // namespace mph::addon
