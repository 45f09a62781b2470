#ifndef MS_PLUGIN_HOST_CONTROL_HPP
#define MS_PLUGIN_HOST_CONTROL_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/ControlConnection.hpp"
#include "PluginHost/ControlSocket.hpp"
#include "PluginHost/HostLink.hpp"
#include "PluginHost/Registry.hpp"
#include "mph/fbs/control.h"
#include <ankerl/unordered_dense.h>
#include <memory>
#include <string>
#include <vector>

namespace PluginHost
{
	/**
	 * The worker's side of the control protocol (docs/control-protocol.md): who is connected and may say what. One per
	 * worker. Nothing of it is on the packet path but a few counters. [worker-loop]
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

		static bool IsEnabled()
		{
			return Control::instance != nullptr;
		}
		/**
		 * Only while it is enabled, like everything below.
		 */
		static Registry& GetRegistry()
		{
			return Control::instance->registry;
		}

		/* Called by Chain, Plugin, ProducerTap, Registry, Succession and VerdictPump. */
	public:
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
		static void NotifyHostState(
		  const HostLink& link, Mph::Control::HostPhase phase, const std::string& reason, uint32_t held);
		static void NotifyPoison(
		  const std::string& pluginId,
		  const std::string& routerId,
		  uint32_t hostPid,
		  const std::vector<uint8_t>& records);
		/**
		 * @param failure - nullptr: it is done.
		 */
		static void AnswerPromotion(uint32_t requestId, const char* failure);

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
		void AnswerQuery(HostLink* link, const Mph::Control::Envelope* envelope);
		void SendStats(ControlConnection* connection, uint32_t requestId);
		void SendToController(
		  flatbuffers::FlatBufferBuilder& builder,
		  Mph::Control::Body type,
		  flatbuffers::Offset<void> body);

	private:
		static thread_local Control* instance;

	private:
		// Allocated by this.
		std::unique_ptr<ControlSocket> socket;
		// Outlives the links, which refer to its plugins.
		Registry registry;
		// Unidentified connections, the controller's and the hosts'. They delete themselves.
		std::vector<ControlConnection*> connections;
		ankerl::unordered_dense::map<ControlConnection*, std::unique_ptr<HostLink>> links;
		// Others.
		ControlConnection* controller{ nullptr };
		uint64_t tapped{ 0 };
		uint64_t repeatDropped{ 0 };
		uint64_t applyErrors{ 0 };
	};
} // namespace PluginHost

#endif
