#ifndef MS_PLUGIN_HOST_PLUGIN_PLACE_HPP
#define MS_PLUGIN_HOST_PLUGIN_PLACE_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/KnownProducers.hpp"
#include "PluginHost/ProducerInfo.hpp"
#include "PluginHost/TicketTable.hpp"
#include "RTC/RTP/Packet.hpp"
#include "mph/fbs/control.h"
#include <mph/shm/RecordWalk.hpp>
#include <mph/shm/RingConsumer.hpp>
#include <mph/shm/RingProducer.hpp>
#include <mph/shm/Segment.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace PluginHost
{
	class HostLink;
	class Plugin;
	class RouterTap;

	/**
	 * A plugin's place at a router: the packet ring, which outlives hosts, and the verdict ring of the epoch that is served.
	 *
	 * EMPTY → OFFERED → SERVED → ABSENT → OFFERED → …
	 *
	 * It writes records and reads verdicts; what they mean is the business of ProducerTap. [worker-loop]
	 */
	class PluginPlace
	{
	public:
		enum class State : uint8_t
		{
			// No host has served it yet: nothing goes through.
			EMPTY,
			// A host was offered the ring and has not answered.
			OFFERED,
			SERVED,
			// The host went: filter packets follow onAbsent, observed ones wait in the ring.
			ABSENT
		};

		enum class PublishResult : uint8_t
		{
			OK,
			FULL,
			TOO_LARGE
		};

	public:
		// Throws if the segment cannot be made.
		PluginPlace(Plugin* plugin, RouterTap* routerTap, uint32_t packetRingSize, uint32_t verdictRingSize);
		~PluginPlace();

	public:
		State GetState() const
		{
			return this->state;
		}
		bool IsServed() const
		{
			return this->state == State::SERVED;
		}
		TicketTable& GetTickets()
		{
			return this->tickets;
		}
		std::vector<Attachment*>& GetAttachments()
		{
			return this->attachments;
		}
		flatbuffers::Offset<Mph::Control::RingStats> FillBufferStats(
		  flatbuffers::FlatBufferBuilder& builder);
		/**
		 * Copies the packet into the ring and lets the host see it. Never waits.
		 */
		PublishResult PublishPacket(
		  const RTC::RTP::Packet* packet,
		  const ProducerInfo& producer,
		  const Attachment& attachment,
		  uint64_t ticket,
		  uint64_t nowNs,
		  uint64_t deadlineNs);
		/**
		 * Lifecycle records are never lost: what does not fit waits, and packets wait behind it.
		 */
		void PublishEvent(flatbuffers::FlatBufferBuilder& builder);
		void OnProducer(const std::shared_ptr<const ProducerInfo>& producer);
		void OnProducerPaused(const ProducerInfo& producer);
		void OnProducerClosed(uint32_t producerNumber);
		void OnAttachmentAdded(Attachment* attachment);
		void OnAttachmentRemoved(Attachment* attachment);
		void OnRouterClosed();
		/**
		 * A host is here: makes the epoch's verdict segment and offers both. Throws if the segment cannot be made.
		 */
		void Offer(HostLink* link, uint32_t ring);
		void OnReady();
		/**
		 * The host is gone or refused. Afterwards start_position of the next offer is where it stood.
		 */
		void OnHostGone();
		void Withdraw();
		/**
		 * Waits a moment for the verdict on the packet that was published last, if it is the only one outstanding and the host is
		 * likely to give it at once. Then nothing needs to be held.
		 *
		 * @return Whether the packet is accepted; nothing if the verdict is still to come.
		 */
		std::optional<bool> AwaitVerdict(uint64_t ticket);
		/**
		 * Applies at most `max` verdicts.
		 *
		 * @return How many records were read; `max` means that more may be there.
		 */
		size_t DrainVerdicts(size_t max);

	private:
		bool PublishPendingEvents();
		PublishResult Claim(uint32_t recordLength, uint8_t*& record);
		void Publish(bool awaitsVerdict);
		void RefreshConsumed();
		void MarkRedelivered();
		std::vector<flatbuffers::Offset<Mph::Control::Event>> FillBufferState(
		  flatbuffers::FlatBufferBuilder& builder) const;

	private:
		// One incarnation of the host's side.
		struct Epoch
		{
			Epoch(mph::shm::Segment segment, uint32_t ringSize);

			mph::shm::Segment segment;
			mph::shm::RingConsumer verdicts;
		};

	private:
		// Passed by argument.
		Plugin* plugin{ nullptr };
		RouterTap* routerTap{ nullptr };
		uint32_t packetRingSize{ 0 };
		uint32_t verdictRingSize{ 0 };
		// Allocated by this.
		mph::shm::Segment packetSegment;
		mph::shm::RingProducer packets;
		mph::shm::RecordWalk walk;
		std::unique_ptr<Epoch> epoch;
		// Others.
		State state{ State::EMPTY };
		bool offeredOnce{ false };
		bool servedOnce{ false };
		HostLink* link{ nullptr };
		uint32_t ring{ 0 };
		uint64_t epochNumber{ 0 };
		uint64_t published{ 0 };
		TicketTable tickets;
		std::vector<Attachment*> attachments;
		KnownProducers producers;
		std::deque<std::vector<uint8_t>> pendingEvents;
	};
} // namespace PluginHost

#endif
