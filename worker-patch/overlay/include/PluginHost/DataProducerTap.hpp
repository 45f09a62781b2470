#ifndef MS_PLUGIN_HOST_DATA_PRODUCER_TAP_HPP
#define MS_PLUGIN_HOST_DATA_PRODUCER_TAP_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/Chain.hpp"
#include "PluginHost/HeldMessage.hpp"
#include "PluginHost/Item.hpp"
#include "PluginHost/ObjectInfo.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "RTC/DataProducer.hpp"
#include "RTC/SCTP/public/Message.hpp"
#include <memory>
#include <optional>
#include <vector>

namespace PluginHost
{
	class RouterTap;

	/**
	 * The chain of one data producer: its items are messages. Behind the last stage a message is routed by the router's own method, or it is
	 * not: nobody counts messages, so there is nothing else to do. [worker-loop]
	 */
	class DataProducerTap : public Chain
	{
	public:
		DataProducerTap(
		  RouterTap* routerTap, RTC::DataProducer* dataProducer, const ObjectInfo& transport, bool pipe);
		~DataProducerTap() override;

	public:
		const std::shared_ptr<ObjectInfo>& GetInfo() const
		{
			return this->info;
		}
		/**
		 * From Router::OnTransportDataProducerMessageReceived().
		 *
		 * @return True if the message was taken over (held or dropped), so that the router must not route it; else it is as it was, but for
		 * what a plugin made of it.
		 */
		bool OnMessage(
		  RTC::SCTP::Message& message,
		  std::vector<uint16_t>& subchannels,
		  std::optional<uint16_t> requiredSubchannel,
		  std::optional<uint16_t> ignoredSubchannel);
		bool IsMeantBy(const Attachment& attachment) const;
		RTC::DataProducer* GetDataProducer() const
		{
			return this->dataProducer;
		}

		/* Called for hosts. */
	public:
		size_t GetMaxMessageSize() const;
		/**
		 * As ProducerTap::Receive().
		 */
		void Receive(
		  RTC::SCTP::Message message,
		  std::vector<uint16_t>& subchannels,
		  std::optional<uint16_t> requiredSubchannel,
		  std::optional<uint16_t> ignoredSubchannel);

		/* Pure virtual methods inherited from Chain. */
	protected:
		PluginPlace::PublishResult Publish(const Item& item, const Publication& publication) override;
		void SetTapped(bool tapped) override;
		Traits GetTraits(const Item& item) const override;
		bool HasStream(uint32_t ssrc) const override;
		bool CanHold(const Item& item) const override;
		Held* Hold(const Item& item) override;
		void Free(Held* held) override;
		bool SetPayload(Held* held, const UnreadBytes& payload) override;
		void OnFrameLost(const Item& item) override;
		bool Finish(const Item& item, Fate fate) override;
		void Route(Held* held) override;

	private:
		// Passed by argument.
		RouterTap* routerTap{ nullptr };
		RTC::DataProducer* dataProducer{ nullptr };
		bool pipe{ false };
		// Allocated by this.
		std::shared_ptr<ObjectInfo> info;
		// Others.
		// The router calls us back for messages that we route.
		bool routing{ false };
	};
} // namespace PluginHost

#endif
