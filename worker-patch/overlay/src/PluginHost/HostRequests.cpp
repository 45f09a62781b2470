#define MS_CLASS "PluginHost::HostRequests"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/HostRequests.hpp"
#include "Logger.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/Plugin.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/ProducerTap.hpp"
#include "PluginHost/RouterTap.hpp"

namespace PluginHost
{
	/* Static. */

	using Mph::Layout::ResultCode;

	/* Instance methods. */

	void HostRequests::OnKeyFrame(const Mph::Layout::KeyFrameRecord& record)
	{
		MS_TRACE();

		const auto code = RequestKeyFrame(record);

		if (code == ResultCode::Ok)
		{
			++this->place->GetPlugin()->GetInjections().counters.keyFrameRequests;
		}

		this->results->Tell(record.call(), code);
	}

	void HostRequests::OnSubscribe(const Mph::Layout::SubscribeRecord& record)
	{
		MS_TRACE();

		this->results->Tell(record.call(), Subscribe(record));
	}

	bool HostRequests::OnBypass(const Mph::Layout::BypassRecord& record)
	{
		MS_TRACE();

		if (record.unit() > Mph::Layout::BypassUnit::Milliseconds)
		{
			return false;
		}

		auto* attachment = FindAttachment(record.attachment());
		auto* routerTap  = this->place->GetRouterTap();
		Chain* chain     = routerTap->FindProducerTap(record.producer());

		if (!chain)
		{
			chain = routerTap->FindDataProducerTap(record.producer());
		}

		// What it names may have gone meanwhile.
		if (attachment && chain)
		{
			chain->Bypass(attachment, record.ssrc(), record.unit(), record.amount());
		}

		return true;
	}

	ResultCode HostRequests::RequestKeyFrame(const Mph::Layout::KeyFrameRecord& record)
	{
		auto* tap = this->place->Knows(record.producer())
		              ? this->place->GetRouterTap()->FindProducerTap(record.producer())
		              : nullptr;

		if (!tap)
		{
			return ResultCode::Unknown;
		}

		return tap->RequestKeyFrame(record.ssrc()) ? ResultCode::Ok : ResultCode::Malformed;
	}

	ResultCode HostRequests::Subscribe(const Mph::Layout::SubscribeRecord& record)
	{
		auto* attachment = FindAttachment(record.attachment());

		if (
		  !attachment || !this->place->Knows(record.producer()) ||
		  !this->place->GetRouterTap()->IsMeant(record.producer(), *attachment))
		{
			return ResultCode::Unknown;
		}

		if (!attachment->selection.subscribe || record.wanted() > 1)
		{
			return ResultCode::Malformed;
		}

		if (record.wanted() != 0)
		{
			attachment->subscribed.insert(record.producer());
		}
		else
		{
			attachment->subscribed.erase(record.producer());
		}

		return ResultCode::Ok;
	}

	Attachment* HostRequests::FindAttachment(uint32_t number) const
	{
		const auto& attachments = this->place->GetAttachments();
		const auto it           = std::ranges::find_if(
      attachments,
      [number](const Attachment* attachment)
      {
        return attachment->number == number;
      });

		return it != attachments.end() ? *it : nullptr;
	}
} // namespace PluginHost
