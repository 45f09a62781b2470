#define MS_CLASS "PluginHost::DirectTap"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/DirectTap.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Codecs.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/DataRecord.hpp"
#include "PluginHost/PacketRecord.hpp"
#include "PluginHost/VerdictPump.hpp"
#include <uv.h> // uv_hrtime()

namespace PluginHost
{
	/* Static. */

	using Mph::Control::Policy;
	using PublishResult = PluginPlace::PublishResult;

	/**
	 * @return Whether it ends here.
	 */
	static bool isDropped(Policy policy, uint64_t& accepted, uint64_t& dropped)
	{
		++(policy == Policy::Accept ? accepted : dropped);

		return policy != Policy::Accept;
	}

	/* Instance methods. */

	DirectTap::DirectTap(RTC::DirectTransport* transport, std::shared_ptr<const ObjectInfo> info)
	  : transport(transport), info(std::move(info))
	{
		MS_TRACE();
	}

	DirectTap::~DirectTap()
	{
		MS_TRACE();

		this->transport->tap = nullptr;
	}

	bool DirectTap::OnRtpPacket(
	  RTC::Consumer* consumer,
	  const RTC::RTP::Packet* packet,
	  const std::function<void(bool sent)>* callback)
	{
		const auto it = this->consumers.find(consumer);

		if (it == this->consumers.end())
		{
			return false;
		}

		auto& known = *it->second;

		const bool isTaken = IsTaken(
		  known.byChannel,
		  [packet, &known](Publication& publication)
		  {
			  publication.consumer  = known.number;
			  publication.byChannel = known.byChannel;

			  return publication.place->Publish(
			    PacketRecord::GetLength(packet, publication.copy),
			    /*awaitsVerdict*/ false,
			    [&](uint8_t* record)
			    {
				    PacketRecord::Write(record, packet, known.stream, publication);
			    });
		  });

		if (isTaken && callback)
		{
			(*callback)(true);
			delete callback;
		}

		return isTaken;
	}

	bool DirectTap::OnMessage(
	  RTC::DataConsumer* dataConsumer,
	  RTC::SCTP::Message& message,
	  const std::function<void(bool queued, bool isBufferFull)>* callback)
	{
		static thread_local std::vector<uint16_t> noSubchannels;

		const auto it = this->dataConsumers.find(dataConsumer);

		if (it == this->dataConsumers.end())
		{
			return false;
		}

		auto& known = it->second;
		const DataMessage data{ .message            = message,
			                      .subchannels        = noSubchannels,
			                      .requiredSubchannel = std::nullopt,
			                      .ignoredSubchannel  = std::nullopt };

		const bool isTaken = IsTaken(
		  known.byChannel,
		  [&data, &known](const Publication& publication)
		  {
			  if (!DataRecord::IsWritable(data))
			  {
				  return PublishResult::TOO_LARGE;
			  }

			  const bool copied = publication.copy == Mph::Control::Copy::Full;

			  return publication.place->Publish(
			    DataRecord::GetLength(data, copied),
			    /*awaitsVerdict*/ false,
			    [&](uint8_t* record)
			    {
				    DataRecord::Write(
				      record,
				      data,
				      copied,
				      DataRecord::Address{ .dataProducer = known.dataProducer,
					                         .attachment   = publication.attachment,
					                         .receivedAtNs = publication.receivedAtNs,
					                         .dataConsumer = known.number,
					                         .byChannel    = known.byChannel });
			    });
		  });

		if (isTaken && callback)
		{
			(*callback)(true, false);
			delete callback;
		}

		return isTaken;
	}

	bool DirectTap::HasStage(const Attachment* attachment) const
	{
		return std::ranges::find(this->attachments, attachment) != this->attachments.end();
	}

	void DirectTap::AddStage(Attachment* attachment)
	{
		MS_TRACE();

		const auto before = std::ranges::find_if(
		  this->attachments,
		  [attachment](const Attachment* other)
		  {
			  return attachment->ComesBefore(*other);
		  });

		this->attachments.insert(before, attachment);
		SetTapped();
	}

	void DirectTap::RemoveStage(const Attachment* attachment)
	{
		MS_TRACE();

		std::erase(this->attachments, attachment);
		SetTapped();
	}

	void DirectTap::OnNewConsumer(RTC::Consumer* consumer, const ObjectInfo& consumerInfo)
	{
		MS_TRACE();

		auto known = std::make_unique<KnownConsumer>();

		known->number        = consumerInfo.number;
		known->stream.number = consumerInfo.producer;
		known->stream.kind   = consumerInfo.kind;
		known->stream.ssrcs  = consumerInfo.ssrcs;

		for (const auto& codec : consumer->GetRtpParameters().codecs)
		{
			if (codec.mimeType.IsMediaCodec())
			{
				known->stream.codecs[codec.payloadType & 0x7f] = Codecs::GetCodec(codec.mimeType);
			}
		}

		this->consumers[consumer] = std::move(known);
	}

	void DirectTap::OnConsumerClosed(RTC::Consumer* consumer)
	{
		MS_TRACE();

		this->consumers.erase(consumer);
	}

	void DirectTap::OnNewDataConsumer(
	  RTC::DataConsumer* dataConsumer, const ObjectInfo& dataConsumerInfo)
	{
		MS_TRACE();

		this->dataConsumers[dataConsumer] = KnownDataConsumer{ .number = dataConsumerInfo.number,
			                                                     .dataProducer =
			                                                       dataConsumerInfo.producer };
	}

	void DirectTap::OnDataConsumerClosed(RTC::DataConsumer* dataConsumer)
	{
		MS_TRACE();

		this->dataConsumers.erase(dataConsumer);
	}

	template<typename Publisher>
	bool DirectTap::IsTaken(uint32_t& byChannel, const Publisher& publish)
	{
		const bool isTaken = Divert(publish);

		if (!isTaken)
		{
			++byChannel;
		}

		return isTaken;
	}

	template<typename Publisher>
	bool DirectTap::Divert(const Publisher& publish)
	{
		Control::CountTapped();
		VerdictPump::Awake();

		for (auto* attachment : this->attachments)
		{
			auto* place    = attachment->place;
			auto& counters = attachment->counters;

			if (!attachment->IsInForce())
			{
				continue;
			}

			if (!place->IsServed())
			{
				if (isDropped(attachment->onAbsent, counters.absentAccepted, counters.absentDropped))
				{
					return true;
				}

				continue;
			}

			Publication publication{ .place        = place,
				                       .attachment   = attachment->number,
				                       .copy         = attachment->copy,
				                       .receivedAtNs = uv_hrtime() };

			if (publish(publication) == PublishResult::OK)
			{
				++counters.diverted;

				return true;
			}

			if (isDropped(attachment->onOverflow, counters.overflowAccepted, counters.overflowDropped))
			{
				return true;
			}
		}

		return false;
	}

	void DirectTap::SetTapped()
	{
		MS_TRACE();

#ifndef MPH_NO_TAP
		this->transport->tap = this->attachments.empty() ? nullptr : this;
#endif
	}
} // namespace PluginHost
