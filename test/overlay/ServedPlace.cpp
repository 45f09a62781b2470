#include "ServedPlace.hpp"
#include "DepLibUV.hpp"
#include "PluginHost/Control.hpp"
#include <catch2/catch_test_macros.hpp>
#include <cstdlib> // mkdtemp(), setenv()
#include <cstring> // std::memcpy()
#include <filesystem>
#include <fstream>
#include <mph/shm/AtomicAt.hpp>
#include <sys/socket.h>
#include <unistd.h>

using PluginHost::Control;
using PluginHost::ControlConnection;

static constexpr const char* DirVariable{ "MEDIASOUP_PLUGIN_HOST_DIR" };
static constexpr size_t TokenLength{ 64 };

RouterStand::RouterStand()
{
	std::string pattern = std::filesystem::temp_directory_path() / "mph-overlay-XXXXXX";

	REQUIRE(mkdtemp(pattern.data()) != nullptr);

	this->dir = pattern;
	std::ofstream(this->dir + "/token") << std::string(TokenLength, 't');

	this->shared = std::make_unique<Shared>(
	  new Channel::ChannelMessageRegistrator(), new Channel::ChannelNotifier(/*channel*/ nullptr));
	// Before there is a Control, so that it has no tap of its own.
	this->router = std::make_unique<RTC::Router>(this->shared.get(), "router", this);

	setenv(DirVariable, this->dir.c_str(), /*overwrite*/ 1);
	Control::ClassInit();
	unsetenv(DirVariable);

	REQUIRE(Control::IsEnabled());

	this->routerTap.reset(PluginHost::RouterTap::Create(this->router.get()));
}

RouterStand::~RouterStand()
{
	this->routerTap.reset();
	Control::ClassDestroy();
	this->router.reset();

	// Handles that are closed go in the next turn.
	for (int turn{ 0 }; turn < 10 && uv_run(DepLibUV::GetLoop(), UV_RUN_NOWAIT) != 0; ++turn)
	{
	}

	std::filesystem::remove_all(this->dir);
}

RTC::WebRtcServer* RouterStand::OnRouterNeedWebRtcServer(
  const RTC::Router* /*router*/, const std::string& /*webRtcServerId*/)
{
	return nullptr;
}

ServedPlace::ServedPlace(
  RouterStand& stand, const std::string& pluginId, const std::vector<PluginHost::Attachment*>& attachments)
  : plugin(pluginId), place(std::addressof(plugin), stand.routerTap.get(), RingSize, RingSize)
{
	int fds[2]{ -1, -1 };

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);

	this->peer.Reset(fds[1]);
	this->connection = new ControlConnection(this, fds[0]);
	this->link       = std::make_unique<PluginHost::HostLink>(
    std::addressof(this->plugin), this->connection, static_cast<uint32_t>(getpid()));

	for (auto* attachment : attachments)
	{
		this->place.OnAttachmentAdded(attachment);
	}

	this->plugin.GetPlaces().push_back(std::addressof(this->place));
	this->plugin.AddLink(this->link.get());

	namespace Layout = Mph::Layout;

	this->verdictSegment = std::make_unique<mph::shm::Segment>(
	  mph::shm::Segment::Open(
	    ReceiveVerdictFd(), Layout::SegmentKind::Verdict, RingSize, mph::shm::Access::ReadWrite));
	this->verdicts =
	  std::make_unique<mph::shm::RingProducer>(GetRing(), RingSize, GetCursor());

	this->plugin.OnRingReady(this->link.get(), std::addressof(this->place));

	REQUIRE(this->place.IsServed());
}

ServedPlace::~ServedPlace()
{
	this->plugin.OnLinkGone(this->link.get(), "the test is over");
	this->link.reset();
	this->connection->Close("the test is over", /*notify*/ false);
}

void ServedPlace::OnControlConnectionMessage(
  ControlConnection* /*connection*/, const Mph::Control::Envelope* /*envelope*/)
{
}

void ServedPlace::OnControlConnectionClosed(
  ControlConnection* /*connection*/, const std::string& /*reason*/)
{
}

void ServedPlace::Write(const std::vector<uint8_t>& record)
{
	uint8_t* claimed{ nullptr };

	this->verdicts->SetConsumed(
	  this->place.GetPackets().GetVerdictCursor()->load(std::memory_order_acquire));

	REQUIRE(
	  this->verdicts->TryClaim(static_cast<uint32_t>(record.size()), claimed) ==
	  mph::shm::RingProducer::TryClaimResult::Ok);

	std::ranges::copy(record, claimed);
	this->verdicts->Commit();
	this->verdicts->Publish();
}

void ServedPlace::WriteVerdict(
  uint64_t ticket,
  Mph::Layout::Verdict verdict,
  uint8_t decider,
  uint16_t errors,
  uint32_t argument,
  const std::vector<uint8_t>& payload)
{
	using Mph::Layout::RecordHeader;
	using Mph::Layout::VerdictRecord;

	const auto length = static_cast<uint32_t>(sizeof(VerdictRecord) + payload.size());

	Write(
	  VerdictRecord(
	    RecordHeader(length, Mph::Layout::RecordType::Verdict, 0, sizeof(VerdictRecord)),
	    ticket,
	    verdict,
	    decider,
	    errors,
	    argument),
	  payload);
}

size_t ServedPlace::Drain()
{
	return this->place.DrainVerdicts(this->link.get(), SIZE_MAX);
}

void ServedPlace::SkipPackets()
{
	mph::shm::AtomicAt<uint64_t>(
	  this->verdictSegment->Data(), Mph::Layout::VerdictSegmentOffset::PacketConsumerCursor)
	  ->store(this->place.GetPosition(), std::memory_order_release);
}

uint64_t ServedPlace::GetStrikes()
{
	return GetStats()->strikes();
}

uint64_t ServedPlace::GetSpurious()
{
	return GetStats()->spuriousVerdicts();
}

uint64_t ServedPlace::GetVerdicts()
{
	return GetStats()->verdicts();
}

uint8_t* ServedPlace::GetRing()
{
	return this->verdictSegment->Data() + static_cast<size_t>(Mph::Layout::VerdictSegmentOffset::Ring);
}

std::atomic<uint64_t>* ServedPlace::GetCursor()
{
	return mph::shm::AtomicAt<uint64_t>(
	  this->verdictSegment->Data(), Mph::Layout::VerdictSegmentOffset::ProducerCursor);
}

const Mph::Control::PluginStats* ServedPlace::GetStats()
{
	this->stats.Clear();
	this->stats.Finish(this->plugin.FillBufferStats(this->stats));

	return flatbuffers::GetRoot<Mph::Control::PluginStats>(this->stats.GetBufferPointer());
}

/**
 * The second one of the ring's offer. The first one, of packets, is of no interest here.
 */
mph::shm::UniqueFd ServedPlace::ReceiveVerdictFd() const
{
	char bytes[4096];
	alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
	iovec part{ .iov_base = bytes, .iov_len = sizeof(bytes) };
	msghdr message{};

	message.msg_iov        = std::addressof(part);
	message.msg_iovlen     = 1;
	message.msg_control    = control;
	message.msg_controllen = sizeof(control);

	REQUIRE(recvmsg(this->peer.Get(), std::addressof(message), MSG_CMSG_CLOEXEC) > 0);

	const auto* header = CMSG_FIRSTHDR(std::addressof(message));

	REQUIRE(header != nullptr);
	REQUIRE(header->cmsg_len == CMSG_LEN(2 * sizeof(int)));

	int fds[2]{ -1, -1 };

	std::memcpy(fds, CMSG_DATA(header), sizeof(fds));
	close(fds[0]);

	return mph::shm::UniqueFd(fds[1]);
}
