#ifndef MS_PLUGIN_HOST_DIRECT_TAP_HPP
#define MS_PLUGIN_HOST_DIRECT_TAP_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/ObjectInfo.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/ProducerInfo.hpp"
#include "PluginHost/Publication.hpp"
#include "RTC/Consumer.hpp"
#include "RTC/DataConsumer.hpp"
#include "RTC/DirectTransport.hpp"
#include "RTC/RTP/Packet.hpp"
#include "RTC/SCTP/public/Message.hpp"
#include <ankerl/unordered_dense.h>
#include <functional>
#include <memory>
#include <vector>

namespace PluginHost
{
	/**
	 * The attachments to one DirectTransport, in order: the first one that can takes what the transport would send to the app. What none takes goes by
	 * the channel. Nothing is held here, so there is no chain. [worker-loop]
	 */
	class DirectTap
	{
	public:
		DirectTap(RTC::DirectTransport* transport, std::shared_ptr<const ObjectInfo> info);
		~DirectTap();

		DirectTap(const DirectTap&)            = delete;
		DirectTap& operator=(const DirectTap&) = delete;

		/* Called by the hooks in RTC::DirectTransport. */
	public:
		/**
		 * @return True if it counts as sent and is none of the channel's business; then the callback was called and is gone.
		 */
		bool OnRtpPacket(
		  RTC::Consumer* consumer,
		  const RTC::RTP::Packet* packet,
		  const std::function<void(bool sent)>* callback);
		/**
		 * As OnRtpPacket().
		 */
		bool OnMessage(
		  RTC::DataConsumer* dataConsumer,
		  RTC::SCTP::Message& message,
		  const std::function<void(bool queued, bool isBufferFull)>* callback);

		/* Called by RouterTap. */
	public:
		/**
		 * Of the transport.
		 */
		const std::shared_ptr<const ObjectInfo>& GetInfo() const
		{
			return this->info;
		}
		bool IsMeantBy(const Attachment& attachment) const
		{
			return attachment.transport == this->info->number;
		}
		bool HasStage(const Attachment* attachment) const;
		void AddStage(Attachment* attachment);
		void RemoveStage(const Attachment* attachment);
		void OnNewConsumer(RTC::Consumer* consumer, const ObjectInfo& consumerInfo);
		void OnConsumerClosed(RTC::Consumer* consumer);
		void OnNewDataConsumer(RTC::DataConsumer* dataConsumer, const ObjectInfo& dataConsumerInfo);
		void OnDataConsumerClosed(RTC::DataConsumer* dataConsumer);

	private:
		struct KnownConsumer
		{
			uint32_t number{ 0 };
			// What it sends, as if that came from a producer.
			ProducerInfo stream;
			// What was not taken: the app puts it and what is published in order again.
			uint32_t byChannel{ 0 };
		};

		struct KnownDataConsumer
		{
			uint32_t number{ 0 };
			uint32_t dataProducer{ 0 };
			uint32_t byChannel{ 0 };
		};

	private:
		/**
		 * @param publish - Told how; returns what became of it.
		 * @return False if it is to go by the channel.
		 */
		template<typename Publisher>
		bool Divert(const Publisher& publish);
		/**
		 * By Divert(); counts what goes by the channel.
		 */
		template<typename Publisher>
		bool IsTaken(uint32_t& byChannel, const Publisher& publish);
		/**
		 * Nothing is asked while nobody is attached.
		 */
		void SetTapped();

	private:
		// Passed by argument.
		RTC::DirectTransport* transport{ nullptr };
		std::shared_ptr<const ObjectInfo> info;
		// Allocated by this.
		ankerl::unordered_dense::map<RTC::Consumer*, std::unique_ptr<KnownConsumer>> consumers;
		ankerl::unordered_dense::map<RTC::DataConsumer*, KnownDataConsumer> dataConsumers;
		// Others.
		std::vector<Attachment*> attachments;
	};
} // namespace PluginHost

#endif
