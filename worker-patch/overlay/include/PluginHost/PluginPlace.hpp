#ifndef MS_PLUGIN_HOST_PLUGIN_PLACE_HPP
#define MS_PLUGIN_HOST_PLUGIN_PLACE_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/Epoch.hpp"
#include "PluginHost/KnownProducers.hpp"
#include "PluginHost/ProducerInfo.hpp"
#include "PluginHost/TicketTable.hpp"
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
	 * A plugin's place at a router: the packet ring, which outlives hosts, and an epoch per host, one of which serves.
	 *
	 * EMPTY → SERVED ⇄ ABSENT
	 *
	 * It writes records and reads verdicts; what they mean is the business of Chain. Which host serves is that of Plugin. [worker-loop]
	 */
	class PluginPlace
	{
	public:
		enum class State : uint8_t
		{
			// No host has served it yet: nothing goes through.
			EMPTY,
			// A host reads, or takes over from another one in a moment.
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
		bool IsServedBy(const HostLink* link) const
		{
			return this->serving && this->serving->link == link;
		}
		bool IsStopping() const
		{
			return this->serving && this->serving->phase == Epoch::Phase::STOPPING;
		}
		/**
		 * Whether the host has mapped the ring.
		 */
		bool IsWarm(const HostLink* link) const;
		/**
		 * Where the next record begins.
		 */
		uint64_t GetPosition() const
		{
			return this->packets.Position();
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
		 * Claims a record, has it written, and lets the host see it. Never waits.
		 *
		 * @param write - Called with where recordLength bytes were claimed, if they were.
		 */
		template<typename Writer>
		PublishResult Publish(uint32_t recordLength, bool awaitsVerdict, const Writer& write)
		{
			if (!PublishPendingEvents())
			{
				return PublishResult::FULL;
			}

			uint8_t* record{ nullptr };

			if (const auto result = Claim(recordLength, record); result != PublishResult::OK)
			{
				return result;
			}

			write(record);
			Commit(awaitsVerdict);

			return PublishResult::OK;
		}
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
		 * Makes the host's verdict segment and offers both. Throws if the segment cannot be made.
		 */
		void Offer(HostLink* link, uint32_t ring);
		void OnReady(HostLink* link);
		/**
		 * A host that is warm reads on from where the one before it stood.
		 */
		void Start(HostLink* link);
		/**
		 * Tells the host that serves, if any, to stop at a boundary.
		 */
		void Stop();
		void OnStopped(HostLink* link);
		/**
		 * What it had published counts; what it had in hand is remembered if it died of it.
		 */
		void OnLinkGone(HostLink* link, bool hung);
		/**
		 * Nobody serves for now: filter packets follow onAbsent, observed ones wait in the ring.
		 */
		void OnAbsent();
		void OnMissedDeadline();
		void Withdraw();
		/**
		 * Whether the host that serves has something to do.
		 */
		bool HasWork() const;
		/**
		 * Whether it has done anything since the last call.
		 */
		bool HasMoved();
		/**
		 * Waits a moment for the verdict on the packet that was published last, if it is the only one outstanding and the host is
		 * likely to give it at once. Then nothing needs to be held.
		 *
		 * @return Whether the packet is accepted; nothing if the verdict is still to come.
		 */
		std::optional<bool> AwaitVerdict(uint64_t ticket);
		/**
		 * Applies at most `max` verdicts of that host, if it serves.
		 *
		 * @return How many records were read; `max` means that more may be there.
		 */
		size_t DrainVerdicts(const HostLink* link, size_t max);

	private:
		bool PublishPendingEvents();
		PublishResult Claim(uint32_t recordLength, uint8_t*& record);
		void Commit(bool awaitsVerdict);
		void RefreshConsumed();
		void MarkRedelivered();
		void RepublishPending();
		void NoteSuspects(const Epoch& epoch, bool hung);
		void Skip(uint64_t position, const Epoch& epoch);
		std::vector<uint8_t> CopyRecords(uint64_t last) const;
		Epoch* FindEpoch(const HostLink* link) const;
		uint8_t* RecordAt(uint64_t position) const;
		std::vector<flatbuffers::Offset<Mph::Control::Event>> FillBufferState(
		  flatbuffers::FlatBufferBuilder& builder) const;

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
		// In the order in which their hosts came.
		std::vector<std::unique_ptr<Epoch>> epochs;
		// Others.
		State state{ State::EMPTY };
		// From then on events are in the ring.
		bool startedOnce{ false };
		Epoch* serving{ nullptr };
		// Counts starts.
		uint64_t epochNumber{ 0 };
		// What a host had in hand as it died of it; empty if equal.
		uint64_t suspectFrom{ 0 };
		uint64_t suspectUntil{ 0 };
		uint64_t published{ 0 };
		TicketTable tickets;
		std::vector<Attachment*> attachments;
		KnownProducers producers;
		std::deque<std::vector<uint8_t>> pendingEvents;
	};
} // namespace PluginHost

#endif
