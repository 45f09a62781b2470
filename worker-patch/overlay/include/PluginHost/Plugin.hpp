#ifndef MS_PLUGIN_HOST_PLUGIN_HPP
#define MS_PLUGIN_HOST_PLUGIN_HPP

#include "common.hpp"
#include "mph/fbs/control.h"
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
	 * A plugin as this worker knows it: the token of its next host, the host that serves it, its places at routers, its counters.
	 * [worker-loop]
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
		void SetToken(std::string token)
		{
			this->token = std::move(token);
		}
		/**
		 * Whether the token opens a connection; it does so once.
		 */
		bool TakeToken(const std::string& token);
		HostLink* GetLink() const
		{
			return this->link;
		}
		void SetLink(HostLink* link)
		{
			this->link = link;
		}
		std::vector<PluginPlace*>& GetPlaces()
		{
			return this->places;
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
		void AddStrike(PluginStrike strike);
		flatbuffers::Offset<Mph::Control::PluginStats> FillBufferStats(
		  flatbuffers::FlatBufferBuilder& builder) const;

	private:
		// Passed by argument.
		std::string id;
		// Others.
		std::string token;
		HostLink* link{ nullptr };
		std::vector<PluginPlace*> places;
		uint64_t verdicts{ 0 };
		uint64_t spuriousVerdicts{ 0 };
		uint64_t strikes{ 0 };
		uint64_t doorbells{ 0 };
		uint64_t disconnects{ 0 };
		uint32_t heldAtLastDisconnect{ 0 };
		uint64_t promptVerdicts{ 0 };
	};
} // namespace PluginHost

#endif
