#ifndef MS_PLUGIN_HOST_REGISTRY_HPP
#define MS_PLUGIN_HOST_REGISTRY_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/Plugin.hpp"
#include "mph/fbs/control.h"
#include <ankerl/unordered_dense.h>
#include <memory>
#include <string>
#include <vector>

namespace PluginHost
{
	class RouterTap;

	/**
	 * Which plugins, attachments and routers there are, and what the controller may do to them. What it cannot be granted is a
	 * RequestError. [worker-loop]
	 */
	class Registry
	{
		/* Called by RouterTap. */
	public:
		void OnRouterCreated(RouterTap* routerTap);
		/**
		 * Attachments to it end with it.
		 */
		void OnRouterClosed(RouterTap* routerTap);
		/**
		 * Attachments whose last target it was end with it, unless they are kept without one.
		 */
		void OnProducerClosed(RouterTap* routerTap, const std::string& producerId);
		void OnDataProducerClosed(RouterTap* routerTap, const std::string& dataProducerId);
		/**
		 * Attachments to it end with it.
		 */
		void OnTransportClosed(RouterTap* routerTap, uint32_t transport);
		/**
		 * Throws if one more pair of rings would exceed what this worker may use.
		 */
		void CheckRingBudget(uint32_t packetRingSize, uint32_t verdictRingSize) const;
		/**
		 * Never given twice.
		 */
		uint32_t GetNextObjectNumber();
		/**
		 * Of an attachment or a run. Never given twice.
		 */
		uint32_t GetNextAttachmentNumber();
		template<typename Visitor>
		void ForEachRouterTap(Visitor visitor) const
		{
			for (const auto& kv : this->routerTaps)
			{
				visitor(kv.second);
			}
		}

		/* Called by Control, for the controller. */
	public:
		void IssueHostToken(const Mph::Control::IssueHostToken* message);
		void RemovePlugin(const std::string& pluginId);
		void RemoveAllPlugins();
		void ConfigureRouter(const Mph::Control::ConfigureRouter* message);
		const Attachment& Attach(const Mph::Control::Attach* message);
		void Detach(const Mph::Control::Detach* message);
		void AddTarget(const Mph::Control::AddTarget* message);
		void RemoveTarget(const Mph::Control::RemoveTarget* message);
		void PauseAttachment(const Mph::Control::PauseAttachment* message);
		void SetLimits(const Mph::Control::SetLimits* message);
		/**
		 * Throws if there is no such plugin.
		 */
		void RemovePlugin(const Mph::Control::RemovePlugin* message);
		/**
		 * Answers when it is done. Throws if it cannot be begun.
		 */
		void PromoteHost(const Mph::Control::PromoteHost* message, uint32_t requestId);
		std::vector<flatbuffers::Offset<Mph::Control::AttachmentStats>> FillBufferAttachmentStats(
		  flatbuffers::FlatBufferBuilder& builder) const;
		std::vector<flatbuffers::Offset<Mph::Control::RingStats>> FillBufferRingStats(
		  flatbuffers::FlatBufferBuilder& builder);
		std::vector<flatbuffers::Offset<Mph::Control::PluginStats>> FillBufferPluginStats(
		  flatbuffers::FlatBufferBuilder& builder) const;

		/* Called by Control, for hosts. */
	public:
		/**
		 * The plugin whose next host comes with this token, nullptr if none. It works once.
		 */
		Plugin* TakeHostToken(const std::string& token);
		/**
		 * Packets that wait for the plugin's verdicts now.
		 */
		uint32_t CountHeld(Plugin* plugin) const;

		/* Called by VerdictPump. */
	public:
		/**
		 * Settles what is past its deadline and arms the next one.
		 */
		void Expire(uint64_t nowNs);
		/**
		 * Looks for hosts without progress.
		 *
		 * @return Milliseconds until the next look; 0: no host has anything to do.
		 */
		uint64_t Watch(uint64_t nowNs, uint64_t elapsedNs);

	private:
		void RemoveAttachment(Attachment* attachment);
		/**
		 * @param targets - Which of the two sets of an attachment names the target.
		 */
		void OnTargetClosed(
		  RouterTap* routerTap,
		  ankerl::unordered_dense::set<std::string> Attachment::* targets,
		  const std::string& id);
		template<typename Message>
		Attachment* AssertAndGetTargeted(const Message* message) const;
		/**
		 * Tells the controller why, and removes them.
		 */
		void EndAttachments(
		  const std::vector<Attachment*>& ended, Mph::Control::AttachmentState reason);
		template<typename Predicate>
		std::vector<Attachment*> FindAttachments(Predicate predicate) const;
		RouterTap* AssertAndGetRouterTap(const std::string& routerId) const;
		Attachment* AssertAndGetAttachment(const std::string& attachmentId) const;

	private:
		// Allocated by this.
		ankerl::unordered_dense::map<std::string, std::unique_ptr<Plugin>> plugins;
		ankerl::unordered_dense::map<std::string, std::unique_ptr<Attachment>> attachments;
		// Others.
		ankerl::unordered_dense::map<std::string, RouterTap*> routerTaps;
		uint32_t nextObjectNumber{ 1 };
		uint32_t nextAttachmentNumber{ 1 };
	};
} // namespace PluginHost

#endif
