// What the checked files of the overlay have around them in the worker, as small as they take it. Goes in front of them and keeps the real
// headers out. What of it is part of the protocol follows the real one word by word: RefreshConsumed(), DrainVerdicts() and Commit() of
// PluginPlace.cpp, and Republish() of ChainVerdicts.cpp.
#pragma once

#define MS_PLUGIN_HOST_CHAIN_HPP
#define MS_PLUGIN_HOST_CONTROL_HPP
#define MS_PLUGIN_HOST_HOST_LINK_HPP
#define MS_PLUGIN_HOST_HOST_REQUESTS_HPP
#define MS_PLUGIN_HOST_INJECTOR_HPP
#define MS_PLUGIN_HOST_PLUGIN_HPP
#define MS_PLUGIN_HOST_PLUGIN_PLACE_HPP
#define MS_PLUGIN_HOST_ROUTER_TAP_HPP
#define MS_PLUGIN_HOST_SETTLEMENT_HPP

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "PluginHost/Outcome.hpp"
#include "PluginHost/PacketRing.hpp"
#include "PluginHost/Succession.hpp"
#include "PluginHost/TicketTable.hpp"
#include "PluginHost/UnreadBytes.hpp"
#include "PluginHost/VerdictReader.hpp"
#include "mph/fbs/control.h"

namespace PluginHost {

class Chain;
class HostLink;
class PluginPlace;

enum class PluginStrike : uint8_t { BAD_RECORD, BAD_CURSOR, CORRUPT_RING, IDLE_DOORBELL };

struct Attachment {
  bool active{false};
};

// A packet that waits for its verdict.
class Held {
 public:
  Chain* chain{nullptr};
  uint64_t ticket{0};
  uint64_t recordEnd{0};
  size_t number{0};
};

class Chain {
 public:
  bool OnVerdict(Held* held, const Mph::Layout::VerdictRecord& record, const UnreadBytes&) { return onVerdict(*held, record); }
  void Republish(Held* held) { onRepublish(*held); }

  std::function<bool(Held&, const Mph::Layout::VerdictRecord&)> onVerdict;
  std::function<void(Held&)> onRepublish;
};

class Plugin {
 public:
  const std::string& GetId() const { return id; }
  void CountPoisoned() {}
  void CountVerdict() {}
  void CountPromptVerdict() {}
  void CountSpuriousVerdict() { ++spurious; }
  void AddStrike(PluginStrike, HostLink*) { ++strikes; }

  std::string id{"plugin"};
  size_t spurious{0};
  size_t strikes{0};
};

class ControlConnection {
 public:
  size_t GetOutputRoom() const { return 4096; }
};

// A host, as the worker sees it; what is sent to it stands here.
class HostLink {
 public:
  void Send(flatbuffers::FlatBufferBuilder& builder, Mph::Control::Body type, flatbuffers::Offset<void> body,
            const std::vector<int>& fds = {});
  ControlConnection* GetConnection() { return &connection; }
  uint32_t GetPid() const { return 0; }
  bool IsPrompt() const { return false; }
  bool IsCondemned() const { return false; }
  void OnPromptWait(bool) {}
  void OnVerdict() {}
  void OnMissedDeadline() {}
  void WithdrawRing(PluginPlace*) {}

  ControlConnection connection;
  int packetFd{-1};
  int verdictFd{-1};
  uint64_t startPosition{0};
  uint64_t oldestLiveTicket{0};
  std::function<void(Mph::Control::Body)> onSent;
  std::function<void()> onPublished;
};

class RouterTap {
 public:
  const std::string& GetRouterId() const { return id; }

  std::string id{"router"};
};

class Injector {
 public:
  bool OnInjectRtp(const Mph::Layout::InjectRtpRecord&, const UnreadBytes&) { return false; }
  bool OnReceiveRtp(const Mph::Layout::ReceiveRtpRecord&, const UnreadBytes&) { return false; }
  bool OnInjectData(const Mph::Layout::InjectDataRecord&, const UnreadBytes&) { return false; }
};

class HostRequests {
 public:
  bool OnBypass(const Mph::Layout::BypassRecord&) { return false; }
  void OnKeyFrame(const Mph::Layout::KeyFrameRecord&) {}
  void OnSubscribe(const Mph::Layout::SubscribeRecord&) {}
};

class PluginPlace {
 public:
  PluginPlace(uint32_t packetRingSize, uint32_t verdictRingSize, bool ignoresEpoch);

  Plugin* GetPlugin() { return &plugin; }
  RouterTap* GetRouterTap() { return &routerTap; }
  PacketRing& GetPackets() { return packets; }
  TicketTable& GetTickets() { return tickets; }
  std::vector<Attachment*>& GetAttachments() { return attachments; }
  Succession& GetSuccession() { return succession; }
  uint64_t GetPosition() const { return packets.GetPosition(); }
  std::vector<flatbuffers::Offset<Mph::Control::Event>> FillBufferState(flatbuffers::FlatBufferBuilder&, size_t) const { return {}; }
  void OnNextHost(bool isAnother) {
    if (isAnother) {
      packets.SkipResults();
    }
  }

  size_t DrainVerdicts(const HostLink* link, size_t max);
  void RefreshConsumed();
  bool Claim(uint32_t length, uint8_t*& record);
  void Commit();

 private:
  const bool ignoresEpoch;
  Plugin plugin;
  RouterTap routerTap;
  PacketRing packets;
  TicketTable tickets;
  std::vector<Attachment*> attachments;
  Injector injector;
  HostRequests requests;
  VerdictReader verdictReader;
  Succession succession;
};

class Control {
 public:
  static void CountApplyError(const char* what);
  static void NotifyAttachmentState(const Attachment&, Mph::Control::AttachmentState) {}
  static void NotifyPoison(const std::string&, const std::string&, uint32_t, const std::vector<uint8_t>&) {}
};

namespace Settlement {
inline void SettleOne(Held*, Outcome::Cause) {}
inline void SettleAll(PluginPlace*, Outcome::Cause) {}
}  // namespace Settlement

}  // namespace PluginHost
