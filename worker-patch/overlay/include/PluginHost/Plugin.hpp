#ifndef MS_PLUGIN_HOST_PLUGIN_HPP
#define MS_PLUGIN_HOST_PLUGIN_HPP

#include "common.hpp"
#include "PluginHost/InjectionAccount.hpp"
#include "mph/fbs/control.h"
#include <optional>
#include <string>
#include <vector>

namespace PluginHost
{
	class HostLink;
	class PluginPlace;

	/**
	 * What a host did that a sound host does not do.
	 */
	enum class PluginStrike : uint8_t
	{
		BAD_RECORD,
		BAD_CURSOR,
		CORRUPT_RING,
		IDLE_DOORBELL
	};

	/**
	 * A plugin as this worker knows it: its hosts, one of which serves, its places at routers, its counters. Which host takes over from
	 * which, and when, is decided here (docs/restart.md). [worker-loop]
	 */
	class Plugin
	{
	public:
		explicit Plugin(std::string id) : id(std::move(id))
		{
		}

	public:
		const std::string& GetId() const
		{
			return this->id;
		}
		void AddToken(std::string token);
		/**
		 * Whether the token opens a connection; it does so once.
		 */
		bool TakeToken(const std::string& token);
		void SetHangMs(uint32_t hangMs)
		{
			this->hangMs = hangMs;
		}
		std::vector<PluginPlace*>& GetPlaces()
		{
			return this->places;
		}
		const std::vector<HostLink*>& GetLinks() const
		{
			return this->links;
		}
		HostLink* GetServing() const
		{
			return this->serving;
		}
		bool HasRoomForHost() const
		{
			return this->links.size() < MaxHosts;
		}
		/**
		 * A host connected: it is offered every ring. The first one serves. Throws if a ring cannot be offered.
		 */
		void AddLink(HostLink* link);
		/**
		 * Its connection ended; if it served, another one takes over at once.
		 *
		 * @param reason - "hang…": it was cut off for that, and what it had in hand is suspect.
		 */
		void OnLinkGone(HostLink* link, const std::string& reason);
		/**
		 * Throws if a ring cannot be offered.
		 */
		void OnNewPlace(PluginPlace* place);
		void OnRingReady(HostLink* link, PluginPlace* place);
		void OnRingStopped(HostLink* link, PluginPlace* place);
		void OnRingRefused(HostLink* link, PluginPlace* place);
		/**
		 * Answers the controller's request when it is done. Throws if it cannot be begun.
		 */
		void Promote(uint32_t hostPid, uint32_t requestId);
		/**
		 * Looks for hosts without progress, and ends a promotion that takes too long.
		 *
		 * @param elapsedNs - Since the last look.
		 * @return Whether another look is needed.
		 */
		bool Watch(uint64_t nowNs, uint64_t elapsedNs);
		uint64_t GetHangMs() const
		{
			return this->hangMs;
		}
		InjectionAccount& GetInjections()
		{
			return this->injections;
		}
		void CountPoisoned()
		{
			++this->poisoned;
		}
		void CountVerdict()
		{
			++this->verdicts;
		}
		void CountPromptVerdict()
		{
			++this->verdicts;
			++this->promptVerdicts;
		}
		void CountSpuriousVerdict()
		{
			++this->spuriousVerdicts;
		}
		void CountDoorbell()
		{
			++this->doorbells;
		}
		void CountDisconnect(uint32_t held)
		{
			++this->disconnects;
			this->heldAtLastDisconnect = held;
		}
		/**
		 * After too many the host is cut off at the end of the drain, never in the middle of it.
		 */
		void AddStrike(PluginStrike strike, HostLink* link);
		flatbuffers::Offset<Mph::Control::PluginStats> FillBufferStats(
		  flatbuffers::FlatBufferBuilder& builder) const;

	private:
		// From the first RingStop to the last RingStopped.
		struct Handover
		{
			HostLink* to{ nullptr };
			uint32_t requestId{ 0 };
			uint64_t untilNs{ 0 };
		};

	private:
		static constexpr size_t MaxHosts{ 3 };
		static constexpr size_t MaxTokens{ 8 };
		static constexpr uint64_t HandoverNs{ 1000000000 };
		// Of a host that answers nothing at all: hung, however busy it looks.
		static constexpr uint32_t MaxMissedDeadlines{ 1000 };

	private:
		void Offer(PluginPlace* place, HostLink* link);
		void TakeOver(HostLink* next);
		void EndHandover(const char* failure);
		bool AreAllStopped() const;
		void UpdatePhase(HostLink* link);

	private:
		// Passed by argument.
		std::string id;
		// Others.
		std::vector<std::string> tokens;
		// In the order in which they connected.
		std::vector<HostLink*> links;
		HostLink* serving{ nullptr };
		std::optional<Handover> handover;
		uint64_t hangMs{ 1000 };
		std::vector<PluginPlace*> places;
		uint64_t verdicts{ 0 };
		uint64_t spuriousVerdicts{ 0 };
		uint64_t strikes{ 0 };
		uint64_t doorbells{ 0 };
		uint64_t disconnects{ 0 };
		uint32_t heldAtLastDisconnect{ 0 };
		uint64_t promptVerdicts{ 0 };
		uint64_t promotions{ 0 };
		uint64_t poisoned{ 0 };
		InjectionAccount injections;
	};
} // namespace PluginHost

#endif
