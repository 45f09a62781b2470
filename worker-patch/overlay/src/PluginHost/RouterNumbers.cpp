#define MS_CLASS "PluginHost::RouterTap"
// #define MS_LOG_DEV_LEVEL 3

#include "Logger.hpp"
#include "PluginHost/RouterTap.hpp"
#include "RTC/RTP/SharedPacket.hpp"

// What hosts name by its number, and what is sent to some of it. The rest of RouterTap is in RouterTap.cpp.
namespace PluginHost
{
	/* Static. */

	template<typename Tap>
	static Tap* findTap(const ankerl::unordered_dense::map<uint32_t, Tap*>& taps, uint32_t number)
	{
		const auto it = taps.find(number);

		return it != taps.end() ? it->second : nullptr;
	}

	template<typename Object>
	static Object* findOf(const ObjectTable<Object>& table, uint32_t number, uint32_t producer)
	{
		const auto [object, info] = table.FindByNumber(number);

		return object && (producer == 0 || info->producer == producer) ? object : nullptr;
	}

	/* Instance methods. */

	ProducerTap* RouterTap::FindProducerTap(uint32_t number) const
	{
		return findTap(this->numberedTaps, number);
	}

	DataProducerTap* RouterTap::FindDataProducerTap(uint32_t number) const
	{
		return findTap(this->numberedDataTaps, number);
	}

	RTC::Consumer* RouterTap::FindConsumer(uint32_t number, uint32_t producer) const
	{
		return findOf(this->objects.consumers, number, producer);
	}

	RTC::DataConsumer* RouterTap::FindDataConsumer(uint32_t number, uint32_t dataProducer) const
	{
		return findOf(this->objects.dataConsumers, number, dataProducer);
	}

	void RouterTap::GetDataConsumers(
	  uint32_t dataProducer, std::vector<RTC::DataConsumer*>& dataConsumers) const
	{
		dataConsumers.clear();

		const auto* tap = FindDataProducerTap(dataProducer);

		if (!tap)
		{
			return;
		}

		const auto it = this->router->mapDataProducerDataConsumers.find(tap->GetDataProducer());

		if (it != this->router->mapDataProducerDataConsumers.end())
		{
			dataConsumers.assign(it->second.begin(), it->second.end());
		}
	}

	void RouterTap::ForEachConsumerOf(
	  uint32_t producer,
	  const std::function<void(const ObjectInfo& info, const std::string& type)>& visitor) const
	{
		MS_TRACE();

		this->objects.consumers.ForEach(
		  [this, producer, &visitor](const std::shared_ptr<ObjectInfo>& info)
		  {
			  if (info->producer == producer)
			  {
				  visitor(
				    *info,
				    RTC::RtpParameters::GetTypeString(
				      this->objects.consumers.FindByNumber(info->number).first->GetType()));
			  }
		  });
		this->objects.dataConsumers.ForEach(
		  [this, producer, &visitor](const std::shared_ptr<ObjectInfo>& info)
		  {
			  if (info->producer == producer)
			  {
				  visitor(
				    *info,
				    this->objects.dataConsumers.FindByNumber(info->number).first->GetType() ==
				        RTC::DataConsumer::Type::SCTP
				      ? "sctp"
				      : "direct");
			  }
		  });
	}

	bool RouterTap::IsMeant(uint32_t producer, const Attachment& attachment) const
	{
		if (const auto* tap = FindProducerTap(producer))
		{
			return tap->IsMeantBy(attachment);
		}

		const auto* dataTap = FindDataProducerTap(producer);

		return dataTap && dataTap->IsMeantBy(attachment);
	}

	/**
	 * As Router::OnTransportProducerRtpPacketReceived() does it.
	 */
	void RouterTap::RouteTo(
	  RTC::Producer* producer, RTC::RTP::Packet* packet, const std::vector<RTC::Consumer*>& consumers)
	{
		const auto it = this->router->mapProducerConsumers.find(producer);

		if (it == this->router->mapProducerConsumers.end())
		{
			return;
		}

		RTC::RTP::SharedPacket sharedPacket;

		for (auto* consumer : it->second)
		{
			if (!std::ranges::binary_search(consumers, consumer))
			{
				consumer->DropRtpPacket(packet, /*withPicture*/ false);

				continue;
			}

			const auto& mid = consumer->GetRtpParameters().mid;

			if (!mid.empty())
			{
				packet->UpdateMid(mid);
			}

			consumer->SendRtpPacket(packet, sharedPacket);
		}
	}
} // namespace PluginHost
