#ifndef MS_PLUGIN_HOST_PRODUCER_TAP_HPP
#define MS_PLUGIN_HOST_PRODUCER_TAP_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/Chain.hpp"
#include "PluginHost/DroppedHistory.hpp"
#include "PluginHost/Item.hpp"
#include "PluginHost/ObjectInfo.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/ProducerInfo.hpp"
#include "RTC/Producer.hpp"
#include "RTC/RTP/Packet.hpp"
#include <memory>
#include <vector>

namespace PluginHost
{
	class RouterTap;

	/**
	 * The chain of one producer of RTP: which packets it is about, and what they are. Behind the last stage a packet is routed by the
	 * router's own method, or its number dropped at each consumer. [worker-loop]
	 */
	class ProducerTap : public Chain
	{
	public:
		ProducerTap(
		  RouterTap* routerTap, RTC::Producer* producer, const ObjectInfo& transport, bool pipe);
		~ProducerTap() override;

	public:
		const std::shared_ptr<ProducerInfo>& GetInfo() const
		{
			return this->info;
		}
		/**
		 * From Router::OnTransportProducerRtpPacketReceived().
		 *
		 * @return True if the packet was taken over (held or dropped), so that the router must not route it.
		 */
		bool OnPacket(RTC::RTP::Packet* packet);
		bool IsMeantBy(const Attachment& attachment) const;
		void SetPaused(bool paused)
		{
			this->info->paused = paused;
		}

		/* Pure virtual methods inherited from Chain. */
	public:
		PluginPlace::PublishResult Publish(
		  const Item& item,
		  const Attachment& attachment,
		  uint64_t ticket,
		  uint64_t nowNs,
		  uint64_t deadlineNs,
		  bool redelivered) override;

	protected:
		void SetTapped(bool tapped) override;
		// Packets are small, and how many wait is bounded.
		bool CanHold(const Item& /*item*/) const override
		{
			return true;
		}
		Held* Hold(const Item& item) override;
		void Free(Held* held) override;
		bool Finish(const Item& item, bool dropped) override;
		void Route(Held* held) override;

	private:
		DroppedHistory& GetHistory(uint32_t ssrc);

	private:
		static constexpr size_t MaxHistories{ 16 };

	private:
		// Passed by argument.
		RouterTap* routerTap{ nullptr };
		RTC::Producer* producer{ nullptr };
		// Allocated by this.
		std::shared_ptr<ProducerInfo> info;
		std::vector<std::unique_ptr<DroppedHistory>> histories;
		// Others.
		// The router calls us back for packets that we route.
		bool routing{ false };
	};
} // namespace PluginHost

#endif
