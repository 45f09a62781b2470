#define MS_CLASS "PluginHost::Attachment"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Attachment.hpp"
#include "Logger.hpp"
#include "PluginHost/Plugin.hpp"
#include "PluginHost/RouterTap.hpp"

namespace PluginHost
{
	flatbuffers::Offset<Mph::Control::AttachmentStats> Attachment::FillBufferStats(
	  flatbuffers::FlatBufferBuilder& builder) const
	{
		MS_TRACE();

		const auto histogram = this->holdHistogram.GetTrimmedCounts();

		return Mph::Control::CreateAttachmentStatsDirect(
		  builder,
		  this->id.c_str(),
		  this->plugin->GetId().c_str(),
		  this->routerTap->GetRouterId().c_str(),
		  this->active,
		  this->paused,
		  this->counters.observed,
		  this->counters.observeOverflow,
		  this->counters.observeAbsent,
		  this->counters.accepted,
		  this->counters.dropped,
		  this->counters.timeoutAccepted,
		  this->counters.timeoutDropped,
		  this->counters.absentAccepted,
		  this->counters.absentDropped,
		  this->counters.overflowAccepted,
		  this->counters.overflowDropped,
		  this->counters.detachedAccepted,
		  this->counters.closedFreed,
		  this->held,
		  std::addressof(histogram),
		  this->holdHistogram.GetSumNs(),
		  this->counters.taken,
		  this->counters.replaced,
		  this->counters.frameDropped,
		  this->counters.diverted,
		  this->counters.bypassed,
		  this->counters.notSelected,
		  this->counters.errorAccepted,
		  this->counters.errorDropped);
	}
} // namespace PluginHost
