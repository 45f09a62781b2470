#ifndef MS_PLUGIN_HOST_PLUGIN_PLACE_HPP
#define MS_PLUGIN_HOST_PLUGIN_PLACE_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/Deadlines.hpp"
#include "PluginHost/HostRequests.hpp"
#include "PluginHost/Injector.hpp"
#include "PluginHost/KnownObjects.hpp"
#include "PluginHost/ObjectInfo.hpp"
#include "PluginHost/PacketRing.hpp"
#include "PluginHost/PendingEvents.hpp"
#include "PluginHost/ResultOutlet.hpp"
#include "PluginHost/Run.hpp"
#include "PluginHost/Succession.hpp"
#include "PluginHost/TicketTable.hpp"
#include "PluginHost/VerdictReader.hpp"
#include "mph/fbs/control.h"
#include <memory>
#include <optional>
#include <vector>

namespace PluginHost
{
	class HostLink;
	class Plugin;
	class RouterTap;

	/**
	 * A plugin's place at a router: the packet ring, which outlives hosts, and all that is published in it. [worker-loop]
	 *
	 * Which host reads it is the business of Succession; what the host answers, of VerdictReader.
	 */
	class PluginPlace
	{
	public:
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
		Plugin* GetPlugin() const
		{
			return this->plugin;
		}
		RouterTap* GetRouterTap() const
		{
			return this->routerTap;
		}
		PacketRing& GetPackets()
		{
			return this->packets;
		}
		Succession& GetSuccession()
		{
			return this->succession;
		}
		const Succession& GetSuccession() const
		{
			return this->succession;
		}
		bool IsServed() const
		{
			return this->succession.IsServed();
		}
		/**
		 * Where the next record begins.
		 */
		uint64_t GetPosition() const
		{
			return this->packets.GetPosition();
		}
		TicketTable& GetTickets()
		{
			return this->tickets;
		}
		Deadlines& GetDeadlines()
		{
			return this->deadlines;
		}
		Runs& GetRuns()
		{
			return this->runs;
		}
		std::vector<Attachment*>& GetAttachments()
		{
			return this->attachments;
		}
		/**
		 * Whether an attachment, but for that one, has the DirectTransport of that number as its target. 0 is none's.
		 */
		bool HasTarget(uint32_t transport, const Attachment* except = nullptr) const;
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
		void PublishEvent(
		  flatbuffers::FlatBufferBuilder& builder,
		  PendingEvents::Change change = PendingEvents::Change::OTHER,
		  uint32_t objectNumber        = 0);
		bool Knows(uint32_t objectNumber) const
		{
			return this->objects.IsOpen(objectNumber);
		}
		const KnownObjects& GetObjects() const
		{
			return this->objects;
		}
		/**
		 * Hosts get to know it, if they do not yet.
		 */
		void OnObject(const std::shared_ptr<const ObjectInfo>& object);
		/* Do nothing about what they do not know. */
		void OnObjectPausedOrResumed(const ObjectInfo& object);
		void OnObjectClosed(const ObjectInfo& object);
		void OnAttachmentAdded(Attachment* attachment);
		void OnAttachmentRemoved(Attachment* attachment);
		void OnRouterClosed();
		/**
		 * What a host that starts has to know: the attachments, and what else unread records may name.
		 *
		 * @param maxParameters - Bytes of parameters that there is room for; what comes behind goes without.
		 */
		std::vector<flatbuffers::Offset<Mph::Control::Event>> FillBufferState(
		  flatbuffers::FlatBufferBuilder& builder, size_t maxParameters) const;
		/**
		 * See VerdictReader::Await().
		 */
		std::optional<Outcome> AwaitVerdict(uint64_t ticket, uint16_t deciders, uint64_t recordStart)
		{
			auto* epoch = this->succession.GetServing();

			return epoch ? this->verdictReader.Await(*epoch, ticket, deciders, recordStart) : std::nullopt;
		}
		/**
		 * Applies at most `max` verdicts of that host, if it serves.
		 *
		 * @return How many records were read; `max` means that more may be there.
		 */
		size_t DrainVerdicts(const HostLink* link, size_t max);
		/**
		 * Of events and results that wait, as many as there is room for now.
		 */
		void PublishWaiting();
		/**
		 * A host reads on where another one stood, or stood itself.
		 *
		 * @param isAnother - What was to be answered was asked by one that is gone.
		 */
		void OnNextHost(bool isAnother);
		/**
		 * Takes over the host's cursor if it lies on a boundary of a record that the worker published.
		 */
		void RefreshConsumed();

	private:
		bool PublishPendingEvents();
		PublishResult Claim(uint32_t recordLength, uint8_t*& record);
		void Commit(bool awaitsVerdict);

	private:
		// Passed by argument.
		Plugin* plugin{ nullptr };
		RouterTap* routerTap{ nullptr };
		uint32_t verdictRingSize{ 0 };
		// Allocated by this.
		PacketRing packets;
		TicketTable tickets;
		Deadlines deadlines;
		Runs runs;
		ResultOutlet results;
		Injector injector;
		HostRequests requests;
		VerdictReader verdictReader;
		Succession succession;
		// Others.
		uint64_t published{ 0 };
		std::vector<Attachment*> attachments;
		KnownObjects objects;
		PendingEvents pendingEvents;
	};
} // namespace PluginHost

#endif
