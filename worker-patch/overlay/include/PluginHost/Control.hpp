#ifndef MS_PLUGIN_HOST_CONTROL_HPP
#define MS_PLUGIN_HOST_CONTROL_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/ControlConnection.hpp"
#include "PluginHost/ControlSocket.hpp"
#include "PluginHost/HostLink.hpp"
#include "PluginHost/Plugin.hpp"
#include "mph/fbs/control.h"
#include <ankerl/unordered_dense.h>
#include <memory>
#include <string>
#include <vector>

namespace PluginHost
{
	class PluginPlace;
	class RouterTap;

	/**
	 * The worker's side of the control protocol (docs/control-protocol.md): who is connected, which plugins, attachments and routers
	 * there are. One per worker. Nothing of it is on the packet path but a few counters. [worker-loop]
	 */
	class Control : public ControlSocket::Listener, public ControlConnection::Listener
	{
		/* Called by the hooks in Worker. */
	public:
		/**
		 * Listens if the environment says so. Never throws: what fails is logged, and the worker goes on as a stock one.
		 */
		static void ClassInit();
		static void ClassDestroy();

		/* Called by RouterTap. */
	public:
		static bool IsEnabled()
		{
			return Control::instance != nullptr;
		}
		static void OnRouterCreated(RouterTap* routerTap);
		static void OnRouterClosed(RouterTap* routerTap);
		static void OnProducerClosed(RouterTap* routerTap, const std::string& producerId);
		/**
		 * Throws if one more pair of rings would exceed what this worker may use.
		 */
		static void CheckRingBudget(uint32_t packetRingSize, uint32_t verdictRingSize);

		/* Called by ProducerTap, PluginPlace and VerdictPump. */
	public:
		static uint32_t GetNextProducerNumber();
		static void CountTapped()
		{
			++Control::instance->tapped;
		}
		static void CountRepeatDropped()
		{
			++Control::instance->repeatDropped;
		}
		static void CountApplyError(const char* what);
		static void NotifyAttachmentState(
		  const Attachment& attachment, Mph::Control::AttachmentState state);
		/**
		 * Settles what is past its deadline and arms the next one.
		 */
		static void Expire(uint64_t nowNs);

	private:
		explicit Control(const std::string& dir);
		~Control() override;

		/* Methods inherited from ControlSocket::Listener. */
	public:
		void OnControlSocketConnection(ControlSocket* socket, int fd) override;
		void OnControlSocketTick(ControlSocket* socket) override;

		/* Methods inherited from ControlConnection::Listener. */
	public:
		void OnControlConnectionMessage(
		  ControlConnection* connection, const Mph::Control::Envelope* envelope) override;
		void OnControlConnectionClosed(
		  ControlConnection* connection, const std::string& reason) override;

	private:
		void HandleHello(ControlConnection* connection, const Mph::Control::Envelope* envelope);
		void HandleControllerMessage(
		  ControlConnection* connection, const Mph::Control::Envelope* envelope);
		void HandleHostMessage(HostLink* link, const Mph::Control::Envelope* envelope);
		void IssueHostToken(const Mph::Control::IssueHostToken* message);
		void RemovePlugin(const std::string& pluginId);
		void ConfigureRouter(const Mph::Control::ConfigureRouter* message);
		void Attach(const Mph::Control::Attach* message);
		void Detach(const std::string& attachmentId);
		void PauseAttachment(const Mph::Control::PauseAttachment* message);
		void RemoveAttachment(Attachment* attachment);
		void RemoveAllPlugins();
		void SendStats(ControlConnection* connection, uint32_t requestId);
		void NotifyHostState(const HostLink& link, bool connected, const std::string& reason, uint32_t held);
		void SendToController(
		  flatbuffers::FlatBufferBuilder& builder,
		  Mph::Control::Body type,
		  flatbuffers::Offset<void> body);
		RouterTap* AssertAndGetRouterTap(const std::string& routerId) const;
		Attachment* AssertAndGetAttachment(const std::string& attachmentId) const;

	private:
		static thread_local Control* instance;

	private:
		// Allocated by this.
		std::unique_ptr<ControlSocket> socket;
		// Unidentified connections, the controller's and the hosts'. They delete themselves.
		std::vector<ControlConnection*> connections;
		ankerl::unordered_dense::map<ControlConnection*, std::unique_ptr<HostLink>> links;
		ankerl::unordered_dense::map<std::string, std::unique_ptr<Plugin>> plugins;
		ankerl::unordered_dense::map<std::string, std::unique_ptr<Attachment>> attachments;
		// Others.
		ControlConnection* controller{ nullptr };
		ankerl::unordered_dense::map<std::string, RouterTap*> routerTaps;
		uint32_t nextProducerNumber{ 1 };
		uint32_t nextAttachmentNumber{ 1 };
		uint64_t tapped{ 0 };
		uint64_t repeatDropped{ 0 };
		uint64_t applyErrors{ 0 };
	};
} // namespace PluginHost

#endif
