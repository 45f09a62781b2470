#ifndef MS_PLUGIN_HOST_ATTACHMENT_HPP
#define MS_PLUGIN_HOST_ATTACHMENT_HPP

#include "common.hpp"
#include "PluginHost/HoldHistogram.hpp"
#include "mph/fbs/control.h"
#include <deque>
#include <string>

namespace PluginHost
{
	class Plugin;
	class PluginPlace;
	class RouterTap;

	/**
	 * A plugin bound to a router or to one of its producers, with a mode and policies. Plain data: Control makes it, RouterTap
	 * puts it into the chains of the producers that it means, Chain counts on it.
	 */
	class Attachment
	{
	public:
		// Every packet that the attachment selected increments exactly one of these (but for those that are held now).
		struct Counters
		{
			uint64_t observed{ 0 };
			uint64_t observeOverflow{ 0 };
			uint64_t observeAbsent{ 0 };
			uint64_t accepted{ 0 };
			uint64_t dropped{ 0 };
			uint64_t timeoutAccepted{ 0 };
			uint64_t timeoutDropped{ 0 };
			uint64_t absentAccepted{ 0 };
			uint64_t absentDropped{ 0 };
			uint64_t overflowAccepted{ 0 };
			uint64_t overflowDropped{ 0 };
			uint64_t detachedAccepted{ 0 };
			uint64_t closedFreed{ 0 };
		};

	public:
		// In a chain the lower order comes first, then the older attachment.
		bool ComesBefore(const Attachment& other) const
		{
			return this->order != other.order ? this->order < other.order : this->number < other.number;
		}

		flatbuffers::Offset<Mph::Control::AttachmentStats> FillBufferStats(
		  flatbuffers::FlatBufferBuilder& builder) const;

		// Whether packets go through it now.
		bool IsInForce() const
		{
			return this->active && !this->paused;
		}

	public:
		std::string id;
		// Never reused in this worker's life.
		uint32_t number{ 0 };
		Plugin* plugin{ nullptr };
		RouterTap* routerTap{ nullptr };
		PluginPlace* place{ nullptr };
		// Empty: every producer of the router.
		std::string producerId;
		bool audio{ true };
		bool video{ true };
		bool pipe{ false };
		Mph::Control::Mode mode{ Mph::Control::Mode::Observe };
		int32_t order{ 0 };
		uint64_t deadlineNs{ 0 };
		Mph::Control::Policy onTimeout{ Mph::Control::Policy::Accept };
		Mph::Control::Policy onAbsent{ Mph::Control::Policy::Accept };
		Mph::Control::Policy onOverflow{ Mph::Control::Policy::Accept };
		std::string context;
		// True from the first time that a host serves it; its policies count from then on.
		bool active{ false };
		bool paused{ false };
		Counters counters;
		HoldHistogram holdHistogram;
		// Packets in its hands.
		uint32_t held{ 0 };
		// Tickets in the order of their deadlines. May name tickets that were settled meanwhile.
		std::deque<uint64_t> deadlines;
	};
} // namespace PluginHost

#endif
