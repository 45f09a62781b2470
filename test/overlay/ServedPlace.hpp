#ifndef MS_TEST_SERVED_PLACE_HPP
#define MS_TEST_SERVED_PLACE_HPP

#include "common.hpp"
#include "PluginHost/ControlConnection.hpp"
#include "PluginHost/HostLink.hpp"
#include "PluginHost/Plugin.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/RouterTap.hpp"
#include "RTC/Router.hpp"
#include "Shared.hpp"
#include <cstring> // std::memcpy()
#include <memory>
#include <mph/shm/RingProducer.hpp>
#include <mph/shm/Segment.hpp>
#include <mph/shm/UniqueFd.hpp>
#include <string>
#include <vector>

/**
 * What places need of a worker: plugin hosts are enabled, and there is a router without anything in it.
 */
class RouterStand : public RTC::Router::Listener
{
public:
	RouterStand();
	~RouterStand() override;

	RouterStand(const RouterStand&)            = delete;
	RouterStand& operator=(const RouterStand&) = delete;

	/* Pure virtual methods inherited from RTC::Router::Listener. */
public:
	RTC::WebRtcServer* OnRouterNeedWebRtcServer(
	  const RTC::Router* router, const std::string& webRtcServerId) override;

public:
	std::unique_ptr<PluginHost::RouterTap> routerTap;

private:
	std::string dir;
	std::unique_ptr<Shared> shared;
	std::unique_ptr<RTC::Router> router;
};

/**
 * A plugin's place with a host that serves it, which is the test: it has the verdict ring that only a host can write.
 */
class ServedPlace : public PluginHost::ControlConnection::Listener
{
public:
	static constexpr uint32_t RingSize{ 1 << 18 };

public:
	/**
	 * With those attachments, which are in force then.
	 */
	ServedPlace(RouterStand& stand, const std::string& pluginId, const std::vector<PluginHost::Attachment*>& attachments);
	~ServedPlace() override;

	ServedPlace(const ServedPlace&)            = delete;
	ServedPlace& operator=(const ServedPlace&) = delete;

	/* Pure virtual methods inherited from PluginHost::ControlConnection::Listener. */
public:
	void OnControlConnectionMessage(
	  PluginHost::ControlConnection* connection, const Mph::Control::Envelope* envelope) override;
	void OnControlConnectionClosed(
	  PluginHost::ControlConnection* connection, const std::string& reason) override;

public:
	/**
	 * As a host writes it: fixed part and what stands behind it, whatever the record says of its length.
	 */
	void Write(const std::vector<uint8_t>& record);
	template<typename Record>
	void Write(const Record& record, const std::vector<uint8_t>& payload = {})
	{
		std::vector<uint8_t> bytes(sizeof(record) + payload.size());

		std::memcpy(bytes.data(), std::addressof(record), sizeof(record));
		std::ranges::copy(payload, bytes.begin() + sizeof(record));
		Write(bytes);
	}
	void WriteVerdict(
	  uint64_t ticket,
	  Mph::Layout::Verdict verdict,
	  uint8_t decider                     = 0,
	  uint16_t errors                     = 0,
	  uint32_t argument                   = 0,
	  const std::vector<uint8_t>& payload = {});
	/**
	 * @return How many records were read.
	 */
	size_t Drain();
	/**
	 * The host has read, and given back, all that was published.
	 */
	void SkipPackets();
	uint64_t GetStrikes();
	uint64_t GetSpurious();
	uint64_t GetVerdicts();
	/**
	 * The verdict ring, and where the host says that it ends.
	 */
	uint8_t* GetRing();
	std::atomic<uint64_t>* GetCursor();

private:
	const Mph::Control::PluginStats* GetStats();
	mph::shm::UniqueFd ReceiveVerdictFd() const;

public:
	PluginHost::Plugin plugin;
	PluginHost::PluginPlace place;

private:
	mph::shm::UniqueFd peer;
	PluginHost::ControlConnection* connection{ nullptr };
	std::unique_ptr<PluginHost::HostLink> link;
	std::unique_ptr<mph::shm::Segment> verdictSegment;
	std::unique_ptr<mph::shm::RingProducer> verdicts;
	flatbuffers::FlatBufferBuilder stats;
};

#endif
