#define MS_CLASS "PluginHost::ProducerTap"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/ProducerTap.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Codecs.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/HeldPacket.hpp"
#include "PluginHost/PacketRecord.hpp"
#include "PluginHost/ParametersJson.hpp"
#include "PluginHost/RouterTap.hpp"
#include "PluginHost/VerdictPump.hpp"

namespace PluginHost
{
	/* Static. */

	static thread_local HeldPacketPool pool;

	static RTC::RTP::Packet* packetOf(const Item& item)
	{
		return item.IsHeld() ? static_cast<const HeldPacket&>(item).GetPacket()
		                     : static_cast<const LivePacket&>(item).GetPacket();
	}

	/* Instance methods. */

	ProducerTap::ProducerTap(
	  RouterTap* routerTap, RTC::Producer* producer, const ObjectInfo& transport, bool pipe)
	  : routerTap(routerTap), producer(producer), info(std::make_shared<ProducerInfo>())
	{
		MS_TRACE();

		this->info->type        = ObjectInfo::Type::PRODUCER;
		this->info->number      = Control::GetRegistry().GetNextObjectNumber();
		this->info->id          = producer->id;
		this->info->paused      = producer->IsPaused();
		this->info->parameters  = ParametersJson::OfProducer(producer);
		this->info->transport   = transport.number;
		this->info->transportId = transport.id;
		this->info->pipe        = pipe;

		ObjectInfos::SetCodec(*this->info, producer->GetKind(), producer->GetRtpParameters());

		for (const auto& codec : producer->GetRtpParameters().codecs)
		{
			if (!codec.mimeType.IsMediaCodec())
			{
				continue;
			}

			const auto it = producer->rtpMapping.codecs.find(codec.payloadType);

			if (it != producer->rtpMapping.codecs.end())
			{
				this->info->codecs[it->second & 0x7f] = Codecs::GetCodec(codec.mimeType);
			}
		}

		for (const auto& encoding : producer->rtpMapping.encodings)
		{
			this->info->ssrcs.push_back(encoding.mappedSsrc);
		}
	}

	/**
	 * The producer is going: what is held of it is freed.
	 */
	ProducerTap::~ProducerTap()
	{
		MS_TRACE();

		this->producer->tap = nullptr;

		FreeAll();
	}

	bool ProducerTap::OnPacket(RTC::RTP::Packet* packet)
	{
		if (this->routing)
		{
			return false;
		}

		Control::CountTapped();
		VerdictPump::Awake();

		LivePacket live(packet);

		return Pass(live, 0);
	}

	bool ProducerTap::IsMeantBy(const Attachment& attachment) const
	{
		MS_TRACE();

		if (attachment.targeted)
		{
			return attachment.producerIds.contains(this->info->id);
		}

		return (this->info->kind == Mph::Layout::MediaKind::Audio ? attachment.audio : attachment.video) &&
		       (attachment.pipe || !this->info->pipe);
	}

	PluginPlace::PublishResult ProducerTap::Publish(
	  const Item& item,
	  const Attachment& attachment,
	  uint64_t ticket,
	  uint64_t nowNs,
	  uint64_t deadlineNs,
	  bool redelivered)
	{
		MS_TRACE();

		const auto* packet = packetOf(item);

		return attachment.place->Publish(
		  PacketRecord::GetLength(packet),
		  /*awaitsVerdict*/ ticket != 0,
		  [&](uint8_t* record)
		  {
			  PacketRecord::Write(
			    record, packet, *this->info, attachment.number, ticket, nowNs, deadlineNs, redelivered);
		  });
	}

	void ProducerTap::SetTapped(bool tapped)
	{
		MS_TRACE();

#ifdef MPH_NO_TAP
		tapped = false;
#endif

		this->producer->tap = tapped ? this : nullptr;
	}

	/**
	 * A clone takes the packet's payload descriptor with it.
	 */
	Held* ProducerTap::Hold(const Item& item)
	{
		return pool.Hold(packetOf(item));
	}

	void ProducerTap::Free(Held* held)
	{
		pool.Free(static_cast<HeldPacket*>(held));
	}

	bool ProducerTap::Finish(const Item& item, bool dropped)
	{
		const auto* packet = packetOf(item);

		if (dropped)
		{
			this->routerTap->Drop(this->producer, packet);
			GetHistory(packet->GetSsrc()).Add(packet->GetSequenceNumber());

			return false;
		}

		// The usual case: nothing of this producer was ever dropped.
		if (this->histories.empty())
		{
			return true;
		}

		for (auto& history : this->histories)
		{
			if (
			  history->GetSsrc() == packet->GetSsrc() && history->Contains(packet->GetSequenceNumber()))
			{
				Control::CountRepeatDropped();

				return false;
			}
		}

		return true;
	}

	void ProducerTap::Route(Held* held)
	{
		this->routing = true;

		try
		{
			this->routerTap->Route(this->producer, packetOf(*held));
		}
		catch (const std::exception&)
		{
			this->routing = false;

			throw;
		}

		this->routing = false;
	}

	DroppedHistory& ProducerTap::GetHistory(uint32_t ssrc)
	{
		for (auto& history : this->histories)
		{
			if (history->GetSsrc() == ssrc)
			{
				return *history;
			}
		}

		// Mapped SSRCs are as many as encodings; the bound is for what nobody thought of.
		if (this->histories.size() >= MaxHistories)
		{
			this->histories.erase(this->histories.begin());
		}

		return *this->histories.emplace_back(std::make_unique<DroppedHistory>(ssrc));
	}
} // namespace PluginHost
