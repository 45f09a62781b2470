#define MS_CLASS "PluginHost::Control"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Control.hpp"
#include "DepLibUV.hpp"
#include "Logger.hpp"
#include "MediaSoupErrors.hpp"
#include "PluginHost/MediasoupVersion.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/Queries.hpp"
#include "PluginHost/RequestError.hpp"
#include "PluginHost/VerdictPump.hpp"
#include <cstdlib> // std::getenv()
#include <unistd.h>

namespace PluginHost
{
	/* Static. */

	namespace Fbs = Mph::Control;

	static constexpr const char* DirVariable{ "MEDIASOUP_PLUGIN_HOST_DIR" };
	static constexpr int64_t HelloTimeoutMs{ 5000 };
	static constexpr size_t MaxConnections{ 256 };

	/* Class variables. */

	thread_local Control* Control::instance{ nullptr };

	/* Class methods. */

	void Control::ClassInit()
	{
		MS_TRACE();

		const char* dir = std::getenv(DirVariable);

		if (!dir || dir[0] == '\0')
		{
			return;
		}

		try
		{
			Control::instance = new Control(dir);
			VerdictPump::ClassInit();
		}
		catch (const std::exception& error)
		{
			MS_ERROR("plugin hosts are not supported by this worker: %s", error.what());
		}
	}

	void Control::ClassDestroy()
	{
		MS_TRACE();

		if (!Control::instance)
		{
			return;
		}

		delete Control::instance;
		Control::instance = nullptr;

		VerdictPump::ClassDestroy();
	}

	void Control::CountApplyError(const char* what)
	{
		MS_TRACE();

		++Control::instance->applyErrors;

		MS_ERROR("error while applying verdicts, its packet is dropped: %s", what);
	}

	void Control::NotifyAttachmentState(const Attachment& attachment, Fbs::AttachmentState state)
	{
		MS_TRACE();

		flatbuffers::FlatBufferBuilder builder;

		const auto changed =
		  Fbs::CreateAttachmentStateChangedDirect(builder, attachment.id.c_str(), state);

		Control::instance->SendToController(
		  builder, Fbs::Body::AttachmentStateChanged, changed.Union());
	}

	void Control::NotifyHostState(
	  const HostLink& link, Fbs::HostPhase phase, const std::string& reason, uint32_t held)
	{
		MS_TRACE();

		flatbuffers::FlatBufferBuilder builder;

		const auto changed = Fbs::CreateHostStateChangedDirect(
		  builder, link.GetPlugin()->GetId().c_str(), link.GetPid(), phase, reason.c_str(), held);

		Control::instance->SendToController(builder, Fbs::Body::HostStateChanged, changed.Union());
	}

	void Control::NotifyPoison(
	  const std::string& pluginId,
	  const std::string& routerId,
	  uint32_t hostPid,
	  const std::vector<uint8_t>& records)
	{
		MS_TRACE();

		flatbuffers::FlatBufferBuilder builder;

		const auto found = Fbs::CreatePoisonFoundDirect(
		  builder, pluginId.c_str(), routerId.c_str(), hostPid, std::addressof(records));

		Control::instance->SendToController(builder, Fbs::Body::PoisonFound, found.Union());
	}

	void Control::AnswerPromotion(uint32_t requestId, const char* failure)
	{
		MS_TRACE();

		auto* controller = Control::instance->controller;

		if (!controller)
		{
			return;
		}

		if (failure)
		{
			controller->SendFailure(requestId, Fbs::ErrorCode::NotFound, failure);
		}
		else
		{
			controller->SendOk(requestId);
		}
	}

	/* Instance methods. */

	Control::Control(const std::string& dir)
	{
		MS_TRACE();

		// This may throw.
		this->socket = std::make_unique<ControlSocket>(this, dir);
	}

	Control::~Control()
	{
		MS_TRACE();

		// Every router is gone by now, and with them every attachment.
		while (!this->connections.empty())
		{
			this->connections.back()->Close("the worker closes");
		}
	}

	void Control::OnControlSocketConnection(ControlSocket* /*socket*/, int fd)
	{
		MS_TRACE();

		if (this->connections.size() >= MaxConnections)
		{
			MS_WARN_TAG(info, "control connection refused: there are %zu already", MaxConnections);

			close(fd);

			return;
		}

		try
		{
			auto* connection = new ControlConnection(this, fd);

			this->connections.push_back(connection);

			const auto uid = connection->GetPeerUid();

			if (uid != geteuid() && !this->socket->IsHostUser(uid))
			{
				connection->SendFailure(
				  0,
				  Fbs::ErrorCode::Forbidden,
				  "user " + std::to_string(uid) + " may not connect, only user " + std::to_string(geteuid()));
				connection->Close("wrong user");
			}
		}
		catch (const std::exception& error)
		{
			MS_WARN_TAG(info, "control connection refused: %s", error.what());
		}
	}

	void Control::OnControlSocketTick(ControlSocket* /*socket*/)
	{
		MS_TRACE();

		const auto nowMs       = DepLibUV::GetTimeMs();
		const auto connections = this->connections;

		for (auto* connection : connections)
		{
			if (
			  connection != this->controller && !this->links.contains(connection) &&
			  nowMs - connection->GetCreatedAtMs() > HelloTimeoutMs)
			{
				connection->Close("no Hello in time");
			}
		}
	}

	void Control::OnControlConnectionMessage(
	  ControlConnection* connection, const Fbs::Envelope* envelope)
	{
		MS_TRACE();

		VerdictPump::Awake();

		try
		{
			// The verifier lets a union without a value pass.
			if (!envelope->body())
			{
				throw RequestError(Fbs::ErrorCode::Malformed, "the message has no body");
			}

			if (connection == this->controller)
			{
				HandleControllerMessage(connection, envelope);
			}
			else if (const auto it = this->links.find(connection); it != this->links.end())
			{
				HandleHostMessage(it->second.get(), envelope);
			}
			else
			{
				HandleHello(connection, envelope);
			}
		}
		catch (const RequestError& error)
		{
			connection->SendFailure(envelope->id(), error.code, error.what());

			if (error.code == Fbs::ErrorCode::Forbidden || error.code == Fbs::ErrorCode::Version)
			{
				connection->Close(error.what());
			}
		}
		// Of the system: memory, descriptors, sealing.
		catch (const std::exception& error)
		{
			connection->SendFailure(envelope->id(), Fbs::ErrorCode::System, error.what());
		}
	}

	void Control::OnControlConnectionClosed(ControlConnection* connection, const std::string& reason)
	{
		MS_TRACE();

		std::erase(this->connections, connection);

		if (connection == this->controller)
		{
			this->controller = nullptr;

			// The app is gone or starts anew: a stock worker stays behind.
			this->registry.RemoveAllPlugins();

			return;
		}

		const auto it = this->links.find(connection);

		if (it == this->links.end())
		{
			return;
		}

		const auto link = std::move(it->second);

		this->links.erase(it);

		link->GetPlugin()->OnLinkGone(link.get(), reason);
	}

	void Control::HandleHello(ControlConnection* connection, const Fbs::Envelope* envelope)
	{
		MS_TRACE();

		const auto* hello = envelope->body_as_Hello();

		if (!hello)
		{
			throw RequestError(Fbs::ErrorCode::Forbidden, "the first message must be Hello");
		}

		static constexpr auto Protocol = static_cast<uint16_t>(Fbs::ProtocolVersion::Current);
		static constexpr auto Layout   = static_cast<uint16_t>(Mph::Layout::LayoutVersion::Current);

		if (hello->protocolVersion() != Protocol || hello->layoutVersion() != Layout)
		{
			throw RequestError(
			  Fbs::ErrorCode::Version,
			  "the peer speaks protocol " + std::to_string(hello->protocolVersion()) + " and layout " +
			    std::to_string(hello->layoutVersion()) + ", this worker protocol " +
			    std::to_string(Protocol) + " and layout " + std::to_string(Layout) +
			    ": use a worker, a library and a host of one release");
		}

		const auto token = hello->token() ? hello->token()->str() : std::string();

		switch (hello->role())
		{
			case Fbs::Role::Controller:
			{
				if (connection->GetPeerUid() != geteuid() || !this->socket->IsControllerToken(token))
				{
					throw RequestError(Fbs::ErrorCode::Forbidden, "wrong controller token");
				}

				if (auto* previous = this->controller)
				{
					previous->Close("another controller took over");
				}

				this->controller = connection;

				flatbuffers::FlatBufferBuilder builder;

				const auto welcome = Fbs::CreateWelcomeDirect(
				  builder, Protocol, Layout, static_cast<uint32_t>(Logger::Pid), MediasoupVersion);

				connection->Send(builder, envelope->id(), Fbs::Body::Welcome, welcome.Union());

				break;
			}

			case Fbs::Role::Host:
			{
				auto* plugin = this->registry.TakeHostToken(token);

				if (!plugin)
				{
					throw RequestError(Fbs::ErrorCode::Forbidden, "wrong host token");
				}

				if (!plugin->HasRoomForHost())
				{
					throw RequestError(
					  Fbs::ErrorCode::Budget,
					  "plugin " + plugin->GetId() + " has " + std::to_string(plugin->GetLinks().size()) +
					    " hosts already");
				}

				// This may throw.
				auto owned = std::make_unique<HostLink>(plugin, connection, connection->GetPeerPid());
				auto* link = owned.get();

				this->links[connection] = std::move(owned);

				link->Welcome(envelope->id());
				NotifyHostState(*link, Fbs::HostPhase::Connected, "", 0);
				plugin->AddLink(link);

				break;
			}

			default:
			{
				throw RequestError(Fbs::ErrorCode::Forbidden, "unknown role");
			}
		}
	}

	void Control::HandleControllerMessage(
	  ControlConnection* connection, const Fbs::Envelope* envelope)
	{
		MS_TRACE();

		switch (envelope->body_type())
		{
			case Fbs::Body::IssueHostToken:
			{
				this->registry.IssueHostToken(envelope->body_as_IssueHostToken());

				break;
			}

			case Fbs::Body::RemovePlugin:
			{
				this->registry.RemovePlugin(envelope->body_as_RemovePlugin());

				break;
			}

			case Fbs::Body::ConfigureRouter:
			{
				this->registry.ConfigureRouter(envelope->body_as_ConfigureRouter());

				break;
			}

			case Fbs::Body::Attach:
			{
				const auto& attachment = this->registry.Attach(envelope->body_as_Attach());

				connection->SendOk(envelope->id());

				// After the answer, so that the controller knows the attachment that it hears of.
				if (attachment.active)
				{
					NotifyAttachmentState(attachment, Fbs::AttachmentState::Active);
				}

				return;
			}

			case Fbs::Body::Detach:
			{
				this->registry.Detach(envelope->body_as_Detach());

				break;
			}

			case Fbs::Body::AddTarget:
			{
				this->registry.AddTarget(envelope->body_as_AddTarget());

				break;
			}

			case Fbs::Body::RemoveTarget:
			{
				this->registry.RemoveTarget(envelope->body_as_RemoveTarget());

				break;
			}

			case Fbs::Body::PauseAttachment:
			{
				this->registry.PauseAttachment(envelope->body_as_PauseAttachment());

				break;
			}

			case Fbs::Body::SetLimits:
			{
				this->registry.SetLimits(envelope->body_as_SetLimits());

				break;
			}

			case Fbs::Body::PromoteHost:
			{
				this->registry.PromoteHost(envelope->body_as_PromoteHost(), envelope->id());

				return;
			}

			case Fbs::Body::GetStats:
			{
				SendStats(connection, envelope->id());

				return;
			}

			default:
			{
				throw RequestError(
				  Fbs::ErrorCode::Forbidden,
				  std::string("a controller may not send ") + Fbs::EnumNameBody(envelope->body_type()));
			}
		}

		connection->SendOk(envelope->id());
	}

	void Control::HandleHostMessage(HostLink* link, const Fbs::Envelope* envelope)
	{
		MS_TRACE();

		switch (envelope->body_type())
		{
			case Fbs::Body::RingReady:
			{
				if (auto* place = link->GetPlace(envelope->body_as_RingReady()->ring()))
				{
					link->GetPlugin()->OnRingReady(link, place);
				}

				return;
			}

			case Fbs::Body::Query:
			{
				AnswerQuery(link, envelope);

				return;
			}

			case Fbs::Body::RingStopped:
			{
				if (auto* place = link->GetPlace(envelope->body_as_RingStopped()->ring()))
				{
					link->GetPlugin()->OnRingStopped(link, place);
				}

				return;
			}

			case Fbs::Body::RingRefused:
			{
				const auto* refused = envelope->body_as_RingRefused();

				MS_WARN_TAG(
				  info,
				  "host of plugin %s refused ring %" PRIu32 ": %s",
				  link->GetPlugin()->GetId().c_str(),
				  refused->ring(),
				  refused->message() ? refused->message()->c_str() : "");

				if (auto* place = link->GetPlace(refused->ring()))
				{
					link->GetPlugin()->OnRingRefused(link, place);
				}

				return;
			}

			default:
			{
				throw RequestError(
				  Fbs::ErrorCode::Forbidden,
				  std::string("a host may not send ") + Fbs::EnumNameBody(envelope->body_type()));
			}
		}
	}

	void Control::AnswerQuery(HostLink* link, const Fbs::Envelope* envelope)
	{
		MS_TRACE();

		const auto* query = envelope->body_as_Query();

		if (!link->TakeQuery())
		{
			throw RequestError(Fbs::ErrorCode::Forbidden, "too many unanswered queries");
		}

		const auto* place = link->GetPlace(query->ring());
		const auto answer =
		  place ? Queries::Ask(*place, query->what(), query->object())
		        : Queries::Answer{ .code = Fbs::ErrorCode::NotFound,
			                         .body = "there is no ring " + std::to_string(query->ring()) };

		flatbuffers::FlatBufferBuilder builder;

		const auto body = Fbs::CreateQueryAnswerDirect(builder, answer.code, answer.body.c_str());

		link->GetConnection()->Send(builder, envelope->id(), Fbs::Body::QueryAnswer, body.Union());
	}

	void Control::SendStats(ControlConnection* connection, uint32_t requestId)
	{
		MS_TRACE();

		flatbuffers::FlatBufferBuilder builder;

		const auto attachmentStats = this->registry.FillBufferAttachmentStats(builder);
		const auto ringStats       = this->registry.FillBufferRingStats(builder);
		const auto pluginStats     = this->registry.FillBufferPluginStats(builder);
		const auto stats           = Fbs::CreateStatsDirect(
      builder,
      uv_hrtime(),
      this->tapped,
      this->applyErrors,
      this->repeatDropped,
      std::addressof(attachmentStats),
      std::addressof(ringStats),
      std::addressof(pluginStats));

		connection->Send(builder, requestId, Fbs::Body::Stats, stats.Union());
	}

	void Control::SendToController(
	  flatbuffers::FlatBufferBuilder& builder, Fbs::Body type, flatbuffers::Offset<void> body)
	{
		MS_TRACE();

		if (this->controller)
		{
			this->controller->Send(builder, 0, type, body);
		}
	}

} // namespace PluginHost
