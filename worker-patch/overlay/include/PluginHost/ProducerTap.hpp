#ifndef MS_PLUGIN_HOST_PRODUCER_TAP_HPP
#define MS_PLUGIN_HOST_PRODUCER_TAP_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/Chain.hpp"
#include "PluginHost/DroppedHistory.hpp"
#include "PluginHost/FrameWatch.hpp"
#include "PluginHost/Item.hpp"
#include "PluginHost/ObjectInfo.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/ProducerInfo.hpp"
#include "PluginHost/ProducerNumbers.hpp"
#include "PluginHost/RtpBuilder.hpp"
#include "RTC/Consumer.hpp"
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
		RTC::Producer* GetProducer() const
		{
			return this->producer;
		}

		/* Called for hosts. */
	public:
		/**
		 * Whether these are the mapped SSRC of an encoding and the mapped payload type of a media codec.
		 */
		bool HasStream(uint32_t ssrc, uint8_t payloadType) const;
		/**
		 * The transport receives it, as it does what the app sends. May throw.
		 *
		 * @param buffer - Where the packet stands; of bufferSize bytes, for it may grow.
		 * @return False if it is no RTP packet.
		 */
		bool Receive(uint8_t* buffer, size_t length, size_t bufferSize);
		/**
		 * Behind the chain, as the next packet of the stream, which there must be. May throw.
		 *
		 * @param consumers - In the order of their addresses; none: all.
		 */
		void Inject(const InjectedRtp& rtp, const std::vector<RTC::Consumer*>& consumers);
		/**
		 * @param ssrc - A mapped one; 0: of all streams.
		 * @return False if there is no such stream.
		 */
		bool RequestKeyFrame(uint32_t ssrc);
		void SetPaused(bool paused)
		{
			this->info->paused = paused;
		}

		/* Pure virtual methods inherited from Chain. */
	protected:
		PluginPlace::PublishResult Publish(const Item& item, const Publication& publication) override;
		void SetTapped(bool tapped) override;
		Traits GetTraits(const Item& item) const override;
		bool HasStream(uint32_t ssrc) const override;
		// Packets are small, and how many wait is bounded.
		bool CanHold(const Item& /*item*/) const override
		{
			return true;
		}
		Held* Hold(const Item& item) override;
		void Free(Held* held) override;
		bool SetPayload(Held* held, const UnreadBytes& payload) override;
		void OnFrameLost(const Item& item) override;
		bool Finish(const Item& item, Fate fate) override;
		void Route(Held* held) override;

	private:
		uint8_t GetSpatialLayer(const RTC::RTP::Packet& packet) const;
		void RoutePacket(RTC::RTP::Packet* packet);
		bool WasDropped(uint32_t ssrc, uint16_t seq);
		DroppedHistory& GetHistory(uint32_t ssrc);

	private:
		static constexpr size_t MaxHistories{ 16 };

	private:
		// Passed by argument.
		RouterTap* routerTap{ nullptr };
		RTC::Producer* producer{ nullptr };
		// Allocated by this.
		std::shared_ptr<ProducerInfo> info;
		ProducerNumbers numbers;
		std::vector<std::unique_ptr<DroppedHistory>> histories;
		FrameWatch frames;
		// Others.
		// The router calls us back for packets that we route.
		bool routing{ false };
	};
} // namespace PluginHost

#endif
