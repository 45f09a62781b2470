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
#include <uv.h> // uv_hrtime()
#include <array>

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

		this->numbers = ProducerNumbers(this->info->ssrcs);

		SetProducerNumber(this->info->number);
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

		if (HasWholeFrames() && this->frames.OnReceived(*packet))
		{
			this->producer->RequestKeyFrame(packet->GetSsrc());
		}

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

	PluginPlace::PublishResult ProducerTap::Publish(const Item& item, const Publication& publication)
	{
		MS_TRACE();

		const auto* packet = packetOf(item);

		return publication.place->Publish(
		  PacketRecord::GetLength(packet, publication.copy),
		  /*awaitsVerdict*/ publication.ticket != 0,
		  [&](uint8_t* record)
		  {
			  PacketRecord::Write(record, packet, *this->info, publication);
		  });
	}

	void ProducerTap::SetTapped(bool tapped)
	{
		MS_TRACE();

#ifdef MPH_NO_TAP
		tapped = false;
#endif

		// What came before went out as it was.
		if (tapped && !this->producer->tap)
		{
			for (const auto& kv : this->producer->GetRtpStreams())
			{
				this->numbers.Begin(kv.second, kv.first->GetMaxSeq());
			}
		}

		// Consumers have seen other numbers than the sender's.
		tapped = tapped || this->numbers.IsRenumbering();

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

	Traits ProducerTap::GetTraits(const Item& item) const
	{
		const auto* packet = packetOf(item);

		Traits traits{ .ssrc      = packet->GetSsrc(),
			             .timestamp = packet->GetTimestamp(),
			             .isVideo   = this->info->kind == Mph::Layout::MediaKind::Video };

		if (traits.isVideo)
		{
			traits.isKeyFrame    = packet->IsKeyFrame();
			traits.spatialLayer  = GetSpatialLayer(*packet);
			traits.temporalLayer = packet->GetTemporalLayer();

			return traits;
		}

		uint8_t volume{ 0 };
		bool voice{ false };

		if (packet->ReadSsrcAudioLevel(volume, voice))
		{
			traits.audioLevel = volume;
		}

		return traits;
	}

	/**
	 * The encodings of a simulcast producer are its spatial layers, for consumers as well.
	 */
	uint8_t ProducerTap::GetSpatialLayer(const RTC::RTP::Packet& packet) const
	{
		const auto& ssrcs = this->info->ssrcs;

		return ssrcs.size() > 1
		         ? static_cast<uint8_t>(std::ranges::find(ssrcs, packet.GetSsrc()) - ssrcs.begin())
		         : packet.GetSpatialLayer();
	}

	bool ProducerTap::HasStream(uint32_t ssrc) const
	{
		return std::ranges::find(this->info->ssrcs, ssrc) != this->info->ssrcs.end();
	}

	bool ProducerTap::SetPayload(Held* held, const UnreadBytes& payload)
	{
		MS_TRACE();

		alignas(8) static thread_local std::array<uint8_t, RtpBuilder::MaxPayloadLength> copy;

		if (payload.GetLength() == 0 || payload.GetLength() > copy.size())
		{
			return false;
		}

		payload.CopyTo(copy.data());

		auto* heldPacket = static_cast<HeldPacket*>(held);

		heldPacket->SetPayload(copy.data(), payload.GetLength());

		const auto& rtpParameters = this->producer->GetRtpParameters();
		const auto& ssrcs         = this->info->ssrcs;
		const auto index          = static_cast<size_t>(
      std::ranges::find(ssrcs, heldPacket->GetPacket()->GetSsrc()) - ssrcs.begin());

		if (index < rtpParameters.encodings.size())
		{
			const auto* codec = rtpParameters.GetCodecForEncoding(
			  const_cast<RTC::RtpEncodingParameters&>(rtpParameters.encodings[index]));

			heldPacket->ParsePayload(codec->mimeType);
		}

		return true;
	}

	void ProducerTap::OnFrameLost(const Item& item)
	{
		MS_TRACE();

		const auto* packet = packetOf(item);

		if (this->frames.WantsKeyFrame(*packet, uv_hrtime()))
		{
			this->producer->RequestKeyFrame(packet->GetSsrc());
		}
	}

	bool ProducerTap::Finish(const Item& item, Fate fate)
	{
		auto* packet      = packetOf(item);
		const auto ssrc   = packet->GetSsrc();
		const auto seq    = packet->GetSequenceNumber();
#ifdef MPH_SABOTAGE_SKIP_RENUMBERING
		const std::optional<uint16_t> number{ seq };
#else
		const auto number = fate == Fate::TAKEN ? this->numbers.Remove(ssrc, seq)
		                                        : this->numbers.Pass(ssrc, seq);
#endif

		if (!number)
		{
			// The sender's number went out already, or has no place any more.
			if (fate != Fate::TAKEN)
			{
				Control::CountRepeatDropped();
			}

			return false;
		}

		if (*number != seq)
		{
			packet->SetSequenceNumber(*number);
		}

		if (fate != Fate::ROUTED)
		{
			const bool isPictureDropped =
			  fate == Fate::DROPPED && HasWholeFrames() && this->frames.IsDispensable(*packet);

			this->routerTap->Drop(this->producer, packet, isPictureDropped);
			GetHistory(ssrc).Add(seq);

			return false;
		}

		// The usual case: nothing of this producer was ever dropped.
		if (!this->histories.empty() && WasDropped(ssrc, seq))
		{
			Control::CountRepeatDropped();

			return false;
		}

		if (HasWholeFrames())
		{
			this->frames.OnRouted(*packet);
		}

		return true;
	}

	void ProducerTap::Route(Held* held)
	{
		RoutePacket(packetOf(*held));
	}

	void ProducerTap::RoutePacket(RTC::RTP::Packet* packet)
	{
		this->routing = true;

		try
		{
			this->routerTap->Route(this->producer, packet);
		}
		catch (const std::exception&)
		{
			this->routing = false;

			throw;
		}

		this->routing = false;
	}

	bool ProducerTap::WasDropped(uint32_t ssrc, uint16_t seq)
	{
		for (auto& history : this->histories)
		{
			if (history->GetSsrc() == ssrc && history->Contains(seq))
			{
				return true;
			}
		}

		return false;
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
