#ifndef MS_PLUGIN_HOST_ROUTER_TAP_HPP
#define MS_PLUGIN_HOST_ROUTER_TAP_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/ProducerTap.hpp"
#include "RTC/Producer.hpp"
#include "RTC/Router.hpp"
#include <ankerl/unordered_dense.h>
#include <memory>
#include <string>

namespace PluginHost
{
	class Plugin;

	/**
	 * What the plugin host knows of a router: its producers and their chains, the plugins' places, and the way back into
	 * the router for packets that are released. Made with the router, if the worker was started for plugin hosts at all.
	 * [worker-loop]
	 */
	class RouterTap
	{
	public:
		/**
		 * nullptr if this worker serves no plugin hosts.
		 */
		static RouterTap* Create(RTC::Router* router);

	private:
		explicit RouterTap(RTC::Router* router);

	public:
		~RouterTap();

		/* Called by the hooks in RTC::Router. */
	public:
		void OnNewProducer(RTC::Transport* transport, RTC::Producer* producer);
		void OnProducerClosed(RTC::Producer* producer);
		void OnProducerPaused(RTC::Producer* producer, bool paused);

		/* Called by Control. */
	public:
		const std::string& GetRouterId() const
		{
			return this->router->id;
		}
		/**
		 * For places that come into being after it.
		 */
		void SetRingSizes(uint32_t packetRingSize, uint32_t verdictRingSize);
		bool HasProducer(const std::string& producerId) const;
		/**
		 * Puts it into the chains that it means; makes the plugin's place if there is none. Throws if that cannot be made.
		 */
		void Attach(Attachment* attachment);
		/**
		 * Takes it out of all chains. What it holds is accepted. The last one of a plugin takes the place with it.
		 */
		void Detach(Attachment* attachment);

		/* Called by ProducerTap. */
	public:
		/**
		 * By the router's own method. May throw.
		 */
		void Route(RTC::Producer* producer, RTC::RTP::Packet* packet);
		/**
		 * Leaves the packet out of the numbering of each consumer.
		 */
		void Drop(RTC::Producer* producer, const RTC::RTP::Packet* packet);

	private:
		PluginPlace* GetOrCreatePlace(Plugin* plugin);
		void RemovePlace(Plugin* plugin);

	private:
		// Passed by argument.
		RTC::Router* router{ nullptr };
		// Allocated by this.
		ankerl::unordered_dense::map<RTC::Producer*, std::unique_ptr<ProducerTap>> producerTaps;
		ankerl::unordered_dense::map<Plugin*, std::unique_ptr<PluginPlace>> places;
		// Others.
		uint32_t packetRingSize{ 0 };
		uint32_t verdictRingSize{ 0 };
	};
} // namespace PluginHost

#endif
