#define MS_CLASS "PluginHost::DataProducerTap"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/DataProducerTap.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/DataRecord.hpp"
#include "PluginHost/RouterTap.hpp"
#include "PluginHost/VerdictPump.hpp"

namespace PluginHost
{
	/* Static. */

	static const DataMessage& dataOf(const Item& item)
	{
		return item.IsHeld() ? static_cast<const HeldMessage&>(item).GetData()
		                     : static_cast<const LiveMessage&>(item).GetData();
	}

	/* Instance methods. */

	DataProducerTap::DataProducerTap(
	  RouterTap* routerTap, RTC::DataProducer* dataProducer, const ObjectInfo& transport, bool pipe)
	  : routerTap(routerTap),
	    dataProducer(dataProducer),
	    pipe(pipe),
	    info(ObjectInfos::MakeDataProducer(dataProducer, transport))
	{
		MS_TRACE();

		SetProducerNumber(this->info->number);
	}

	/**
	 * The data producer is going: what is held of it is freed.
	 */
	DataProducerTap::~DataProducerTap()
	{
		MS_TRACE();

		this->dataProducer->tap = nullptr;

		FreeAll();
	}

	bool DataProducerTap::OnMessage(
	  RTC::SCTP::Message& message,
	  std::vector<uint16_t>& subchannels,
	  std::optional<uint16_t> requiredSubchannel,
	  std::optional<uint16_t> ignoredSubchannel)
	{
		if (this->routing)
		{
			return false;
		}

		Control::CountTapped();
		VerdictPump::Awake();

		LiveMessage live(
		  DataMessage{ .message            = message,
			             .subchannels        = subchannels,
			             .requiredSubchannel = requiredSubchannel,
			             .ignoredSubchannel  = ignoredSubchannel });

		return Pass(live, 0);
	}

	bool DataProducerTap::IsMeantBy(const Attachment& attachment) const
	{
		MS_TRACE();

		if (attachment.targeted)
		{
			return attachment.dataProducerIds.contains(this->info->id);
		}

		return attachment.data && (attachment.pipe || !this->pipe);
	}

	size_t DataProducerTap::GetMaxMessageSize() const
	{
		return this->dataProducer->maxMessageSize;
	}

	/**
	 * As DataProducer::HandleNotification() does it.
	 */
	void DataProducerTap::Receive(
	  RTC::SCTP::Message message,
	  std::vector<uint16_t>& subchannels,
	  std::optional<uint16_t> requiredSubchannel,
	  std::optional<uint16_t> ignoredSubchannel)
	{
		MS_TRACE();

		const auto length = message.GetPayloadLength();

		this->dataProducer->ReceiveMessage(
		  std::move(message), subchannels, requiredSubchannel, ignoredSubchannel);
		this->dataProducer->listener->OnDataProducerReceiveData(this->dataProducer, length);
	}

	PluginPlace::PublishResult DataProducerTap::Publish(
	  const Item& item, const Publication& publication)
	{
		MS_TRACE();

		const auto& data = dataOf(item);

		if (!DataRecord::IsWritable(data))
		{
			return PluginPlace::PublishResult::TOO_LARGE;
		}

		const bool copied = publication.copy == Mph::Control::Copy::Full;

		return publication.place->Publish(
		  DataRecord::GetLength(data, copied),
		  /*awaitsVerdict*/ publication.ticket != 0,
		  [&](uint8_t* record)
		  {
			  DataRecord::Write(
			    record,
			    data,
			    copied,
			    DataRecord::Address{ .dataProducer = this->info->number,
				                       .attachment   = publication.attachment,
				                       .members      = publication.members,
				                       .ticket       = publication.ticket,
				                       .receivedAtNs = publication.receivedAtNs,
				                       .deadlineNs   = publication.deadlineNs,
				                       .redelivered  = publication.redelivered });
		  });
	}

	void DataProducerTap::SetTapped(bool tapped)
	{
		MS_TRACE();

#ifdef MPH_NO_TAP
		tapped = false;
#endif

		this->dataProducer->tap = tapped ? this : nullptr;
	}

	Traits DataProducerTap::GetTraits(const Item& /*item*/) const
	{
		return {};
	}

	bool DataProducerTap::HasStream(uint32_t ssrc) const
	{
		return ssrc == 0;
	}

	bool DataProducerTap::CanHold(const Item& item) const
	{
		return HeldMessage::HasRoomFor(dataOf(item));
	}

	Held* DataProducerTap::Hold(const Item& item)
	{
		return new HeldMessage(dataOf(item));
	}

	void DataProducerTap::Free(Held* held)
	{
		delete static_cast<HeldMessage*>(held);
	}

	bool DataProducerTap::SetPayload(Held* held, const UnreadBytes& payload)
	{
		MS_TRACE();

		std::vector<uint8_t> bytes(payload.GetLength());

		payload.CopyTo(bytes.data());
		static_cast<HeldMessage*>(held)->SetPayload(bytes.data(), bytes.size());

		return true;
	}

	void DataProducerTap::OnFrameLost(const Item& /*item*/)
	{
		// Messages have no frames.
	}

	bool DataProducerTap::Finish(const Item& /*item*/, Fate fate)
	{
		return fate == Fate::ROUTED;
	}

	void DataProducerTap::Route(Held* held)
	{
		this->routing = true;

		try
		{
			this->routerTap->Route(this->dataProducer, dataOf(*held));
		}
		catch (const std::exception&)
		{
			this->routing = false;

			throw;
		}

		this->routing = false;
	}
} // namespace PluginHost
