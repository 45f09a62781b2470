#ifndef MS_PLUGIN_HOST_SUCCESSION_HPP
#define MS_PLUGIN_HOST_SUCCESSION_HPP

#include "common.hpp"
#include "PluginHost/Epoch.hpp"
#include <memory>
#include <vector>

namespace PluginHost
{
	class HostLink;
	class PluginPlace;

	/**
	 * The hosts that come and go at a place, an epoch for each, one of which serves; and what one leaves to the next.
	 *
	 * EMPTY → SERVED ⇄ ABSENT
	 *
	 * Which host serves, and when another one does, is the business of Plugin. [worker-loop]
	 */
	class Succession
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

	public:
		Succession(PluginPlace* place, uint32_t verdictRingSize);

	public:
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
		 * From the first start on events are in the ring.
		 */
		bool HasStarted() const
		{
			return this->epochNumber != 0;
		}
		/**
		 * Counts starts.
		 */
		uint64_t GetEpochNumber() const
		{
			return this->epochNumber;
		}
		/**
		 * nullptr if no host serves.
		 */
		Epoch* GetServing() const
		{
			return this->serving;
		}
		Epoch* Find(const HostLink* link) const;
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
		 * Whether there is anything that the plugin's host has not read, answered, or accepted.
		 * @param link - Whose turn it is, also where it does not serve yet.
		 */
		bool HasWork(const HostLink* link) const;
		/**
		 * Whether it has done anything since the last call.
		 */
		bool HasMoved();

	private:
		void DrainAll(const HostLink* link);
		void RepublishPending();
		void TakeLast(const Epoch& epoch, const HostLink* link, bool hung);
		void NoteSuspects(const Epoch& epoch, bool hung);
		void Skip(uint64_t position, const Epoch& epoch);

	private:
		// Passed by argument.
		PluginPlace* place{ nullptr };
		uint32_t verdictRingSize{ 0 };
		// Allocated by this. In the order in which their hosts came.
		std::vector<std::unique_ptr<Epoch>> epochs;
		// Others.
		State state{ State::EMPTY };
		Epoch* serving{ nullptr };
		uint64_t epochNumber{ 0 };
		// What a host had in hand as it died of it; empty if equal.
		uint64_t suspectFrom{ 0 };
		uint64_t suspectUntil{ 0 };
	};
} // namespace PluginHost

#endif
