#ifndef MS_PLUGIN_HOST_ATTACHMENT_HPP
#define MS_PLUGIN_HOST_ATTACHMENT_HPP

#include "common.hpp"
#include "PluginHost/HoldHistogram.hpp"
#include "mph/fbs/control.h"
#include <ankerl/unordered_dense.h>
#include <string>

namespace PluginHost
{
	class Plugin;
	class PluginPlace;
	class RouterTap;

	/**
	 * A plugin bound to a router or to some of its producers and data producers, with a mode and policies. Plain data: Control makes it, RouterTap
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
			uint64_t errorAccepted{ 0 };
			uint64_t errorDropped{ 0 };
			uint64_t detachedAccepted{ 0 };
			uint64_t closedFreed{ 0 };
			uint64_t taken{ 0 };
			uint64_t replaced{ 0 };
			uint64_t frameDropped{ 0 };
			uint64_t diverted{ 0 };
			uint64_t bypassed{ 0 };
			// Not one of those above: what was meant and not selected.
			uint64_t notSelected{ 0 };
		};

		/**
		 * Which items it sees of those that it means, in the order in which they are looked at.
		 */
		struct Selection
		{
			bool subscribe{ false };
			bool keyFramesOnly{ false };
			// Bit i: layer i. 0: all.
			uint8_t spatialLayers{ 0 };
			uint8_t temporalLayers{ 0 };
			// In -dBov. 0: all.
			uint8_t audioLevel{ 0 };
			uint32_t everyNth{ 1 };

			bool IsAll() const
			{
				return !this->subscribe && !this->keyFramesOnly && this->spatialLayers == 0 &&
				       this->temporalLayers == 0 && this->audioLevel == 0 && this->everyNth <= 1;
			}
		};

	public:
		// In a chain the lower order comes first, then the older attachment.
		bool ComesBefore(const Attachment& other) const
		{
			return this->order != other.order ? this->order < other.order : this->number < other.number;
		}

		flatbuffers::Offset<Mph::Control::AttachmentStats> FillBufferStats(
		  flatbuffers::FlatBufferBuilder& builder) const;

		bool HasNoTarget() const
		{
			return this->producerIds.empty() && this->dataProducerIds.empty() && this->transport == 0;
		}

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
		// Whether it means what is named here; else every one of the router that the four after it allow.
		bool targeted{ false };
		ankerl::unordered_dense::set<std::string> producerIds;
		ankerl::unordered_dense::set<std::string> dataProducerIds;
		// The number of the DirectTransport that it is to; 0: none.
		uint32_t transport{ 0 };
		bool keepWithoutTargets{ false };
		bool audio{ true };
		bool video{ true };
		bool data{ false };
		bool pipe{ false };
		Mph::Control::Copy copy{ Mph::Control::Copy::Full };
		Mph::Control::Mode mode{ Mph::Control::Mode::Observe };
		int32_t order{ 0 };
		uint64_t deadlineNs{ 0 };
		Mph::Control::Policy onTimeout{ Mph::Control::Policy::Accept };
		Mph::Control::Policy onAbsent{ Mph::Control::Policy::Accept };
		Mph::Control::Policy onOverflow{ Mph::Control::Policy::Accept };
		Mph::Control::Policy onError{ Mph::Control::Policy::Accept };
		Selection selection;
		// Numbers of the producers and data producers that the plugin asked for. Means something with Selection::subscribe only.
		ankerl::unordered_dense::set<uint32_t> subscribed;
		// The rest of a video frame goes with its first packet that is dropped.
		bool wholeFrames{ false };
		// Which plugin of the group it is, for the host.
		std::string member;
		std::string context;
		// True from the first time that a host serves it; its policies count from then on.
		bool active{ false };
		bool paused{ false };
		Counters counters;
		HoldHistogram holdHistogram;
		// What waits for it, decided or not.
		uint32_t held{ 0 };
	};
} // namespace PluginHost

#endif
