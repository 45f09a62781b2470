#define MS_CLASS "PluginHost::Control"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Control.hpp"
#include "DepLibUV.hpp"
#include "Logger.hpp"
#include "MediaSoupErrors.hpp"
#include "PluginHost/MediasoupVersion.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/ProducerTap.hpp"
#include "PluginHost/RouterTap.hpp"
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
	// A worker without descriptors cannot open sockets for calls: each pair of rings keeps one.
	static constexpr size_t MaxRings{ 4096 };
	static constexpr uint64_t MaxRingBytes{ 16ull * 1024 * 1024 * 1024 };
	static constexpr uint32_t MaxDeadlineUs{ 10 * 1000 * 1000 };
	static constexpr uint64_t NsPerUs{ 1000 };

	/**
	 * A request that cannot be granted: answered by Failure, the connection goes on.
	 */
	class RequestError : public std::runtime_error
	{
	public:
		RequestError(Fbs::ErrorCode code, const std::string& message)
		  : std::runtime_error(message), code(code)
		{
		}

	public:
		Fbs::ErrorCode code;
	};

	static std::string stringOf(const flatbuffers::String* value)
	{
		return value ? value->str() : std::string();
	}

	static std::string requiredString(const flatbuffers::String* value, const char* field)
	{
		if (!value || value->size() == 0)
		{
			throw RequestError(Fbs::ErrorCode::Malformed, std::string(field) + " is missing");
		}

		return value->str();
	}

	static void checkPolicy(Fbs::Policy policy, const char* field)
	{
		if (policy != Fbs::Policy::Accept && policy != Fbs::Policy::Drop)
		{
			throw RequestError(
			  Fbs::ErrorCode::Malformed,
			  std::string(field) + " is " + std::to_string(static_cast<int>(policy)) +
			    ", must be accept or drop");
		}
	}

	static void checkRingSize(uint32_t size, const char* field)
	{
		static constexpr auto Min = static_cast<uint32_t>(Mph::Layout::Limit::MinRingSize);
		static constexpr auto Max = static_cast<uint32_t>(Mph::Layout::Limit::MaxRingSize);

		if (size != 0 && (size < Min || size > Max || (size & (size - 1)) != 0))
		{
			throw RequestError(
			  Fbs::ErrorCode::Malformed,
			  std::string(field) + " is " + std::to_string(size) + ", must be a power of two from " +
			    std::to_string(Min) + " to " + std::to_string(Max));
		}
	}

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

	void Control::OnRouterCreated(RouterTap* routerTap)
	{
		MS_TRACE();

		Control::instance->routerTaps[routerTap->GetRouterId()] = routerTap;
	}

	void Control::OnRouterClosed(RouterTap* routerTap)
	{
		MS_TRACE();

		auto* self = Control::instance;

		self->routerTaps.erase(routerTap->GetRouterId());

		std::vector<Attachment*> ended;

		for (auto& kv : self->attachments)
		{
			if (kv.second->routerTap == routerTap)
			{
				ended.push_back(kv.second.get());
			}
		}

		for (auto* attachment : ended)
		{
			NotifyAttachmentState(*attachment, Fbs::AttachmentState::RouterClosed);
			self->RemoveAttachment(attachment);
		}
	}

	void Control::OnProducerClosed(RouterTap* routerTap, const std::string& producerId)
	{
		MS_TRACE();

		auto* self = Control::instance;
		std::vector<Attachment*> ended;

		for (auto& kv : self->attachments)
		{
			if (kv.second->routerTap == routerTap && kv.second->producerId == producerId)
			{
				ended.push_back(kv.second.get());
			}
		}

		for (auto* attachment : ended)
		{
			NotifyAttachmentState(*attachment, Fbs::AttachmentState::ProducerClosed);
			self->RemoveAttachment(attachment);
		}
	}

	void Control::CheckRingBudget(uint32_t packetRingSize, uint32_t verdictRingSize)
	{
		MS_TRACE();

		size_t rings{ 1 };

		for (const auto& kv : Control::instance->plugins)
		{
			rings += kv.second->GetPlaces().size();
		}

		const uint64_t bytes = rings * (static_cast<uint64_t>(packetRingSize) + verdictRingSize);

		if (rings > MaxRings || bytes > MaxRingBytes)
		{
			throw RequestError(
			  Fbs::ErrorCode::Budget,
			  "this worker has " + std::to_string(rings - 1) + " pairs of rings; one more of " +
			    std::to_string(packetRingSize) + " and " + std::to_string(verdictRingSize) +
			    " bytes exceeds its budget of " + std::to_string(MaxRings) + " pairs and " +
			    std::to_string(MaxRingBytes) + " bytes");
		}
	}

	uint32_t Control::GetNextProducerNumber()
	{
		MS_TRACE();

		return Control::instance->nextProducerNumber++;
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

	void Control::Expire(uint64_t nowNs)
	{
		MS_TRACE();

		uint64_t next{ UINT64_MAX };

		for (auto& kv : Control::instance->attachments)
		{
			if (!kv.second->place)
			{
				continue;
			}

			const auto deadline = ProducerTap::Expire(kv.second.get(), nowNs);

			if (deadline != 0)
			{
				next = std::min(next, deadline);
			}
		}

		if (next != UINT64_MAX)
		{
			VerdictPump::ArmDeadline(next);
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

			if (connection->GetPeerUid() != geteuid())
			{
				connection->SendFailure(
				  0,
				  Fbs::ErrorCode::Forbidden,
				  "user " + std::to_string(connection->GetPeerUid()) + " may not connect, only user " +
				    std::to_string(geteuid()));
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
			RemoveAllPlugins();

			return;
		}

		const auto it = this->links.find(connection);

		if (it == this->links.end())
		{
			return;
		}

		const auto link = std::move(it->second);

		this->links.erase(it);

		uint32_t held{ 0 };

		for (const auto& kv : this->attachments)
		{
			if (kv.second->plugin == link->GetPlugin())
			{
				held += kv.second->held;
			}
		}

		link->GetPlugin()->CountDisconnect(held);
		NotifyHostState(*link, false, reason, held);

		// Its destructor releases what it holds.
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

		const auto token = stringOf(hello->token());

		switch (hello->role())
		{
			case Fbs::Role::Controller:
			{
				if (!this->socket->IsControllerToken(token))
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
				Plugin* plugin{ nullptr };

				for (auto& kv : this->plugins)
				{
					if (kv.second->TakeToken(token))
					{
						plugin = kv.second.get();

						break;
					}
				}

				if (!plugin)
				{
					throw RequestError(Fbs::ErrorCode::Forbidden, "wrong host token");
				}

				// A successor that comes before its predecessor's end was noticed.
				if (auto* previous = plugin->GetLink())
				{
					previous->GetConnection()->Close("another host took over");
				}

				// This may throw.
				auto owned = std::make_unique<HostLink>(plugin, connection, connection->GetPeerPid());
				auto* link = owned.get();

				this->links[connection] = std::move(owned);

				link->Welcome(envelope->id());
				NotifyHostState(*link, true, "", 0);

				const auto places = plugin->GetPlaces();

				for (auto* place : places)
				{
					link->OfferRing(place);
				}

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
				IssueHostToken(envelope->body_as_IssueHostToken());

				break;
			}

			case Fbs::Body::RemovePlugin:
			{
				RemovePlugin(requiredString(envelope->body_as_RemovePlugin()->pluginId(), "plugin_id"));

				break;
			}

			case Fbs::Body::ConfigureRouter:
			{
				ConfigureRouter(envelope->body_as_ConfigureRouter());

				break;
			}

			case Fbs::Body::Attach:
			{
				const auto* message = envelope->body_as_Attach();

				Attach(message);

				connection->SendOk(envelope->id());

				// After the answer, so that the controller knows the attachment that it hears of.
				const auto* attachment = AssertAndGetAttachment(message->attachmentId()->str());

				if (attachment->active)
				{
					NotifyAttachmentState(*attachment, Fbs::AttachmentState::Active);
				}

				return;
			}

			case Fbs::Body::Detach:
			{
				Detach(requiredString(envelope->body_as_Detach()->attachmentId(), "attachment_id"));

				break;
			}

			case Fbs::Body::PauseAttachment:
			{
				PauseAttachment(envelope->body_as_PauseAttachment());

				break;
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
					place->OnReady();
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
				  stringOf(refused->message()).c_str());

				if (auto* place = link->GetPlace(refused->ring()))
				{
					link->WithdrawRing(place);
					place->OnHostGone();
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

	void Control::IssueHostToken(const Fbs::IssueHostToken* message)
	{
		MS_TRACE();

		const auto pluginId = requiredString(message->pluginId(), "plugin_id");
		const auto token    = requiredString(message->token(), "token");
		auto& plugin        = this->plugins[pluginId];

		if (!plugin)
		{
			plugin = std::make_unique<Plugin>(pluginId);
		}

		plugin->SetToken(token);
	}

	void Control::RemovePlugin(const std::string& pluginId)
	{
		MS_TRACE();

		const auto it = this->plugins.find(pluginId);

		if (it == this->plugins.end())
		{
			throw RequestError(Fbs::ErrorCode::NotFound, "there is no plugin " + pluginId);
		}

		auto* plugin = it->second.get();
		std::vector<Attachment*> ended;

		for (auto& kv : this->attachments)
		{
			if (kv.second->plugin == plugin)
			{
				ended.push_back(kv.second.get());
			}
		}

		for (auto* attachment : ended)
		{
			RemoveAttachment(attachment);
		}

		if (auto* link = plugin->GetLink())
		{
			link->GetConnection()->Close("its plugin was removed");
		}

		this->plugins.erase(pluginId);
	}

	void Control::ConfigureRouter(const Fbs::ConfigureRouter* message)
	{
		MS_TRACE();

		checkRingSize(message->packetRingSize(), "packet_ring_size");
		checkRingSize(message->verdictRingSize(), "verdict_ring_size");

		AssertAndGetRouterTap(requiredString(message->routerId(), "router_id"))
		  ->SetRingSizes(message->packetRingSize(), message->verdictRingSize());
	}

	void Control::Attach(const Fbs::Attach* message)
	{
		MS_TRACE();

		const auto id       = requiredString(message->attachmentId(), "attachment_id");
		const auto pluginId = requiredString(message->pluginId(), "plugin_id");
		const auto pluginIt = this->plugins.find(pluginId);

		if (this->attachments.contains(id))
		{
			throw RequestError(Fbs::ErrorCode::Exists, "there is an attachment " + id + " already");
		}

		if (pluginIt == this->plugins.end())
		{
			throw RequestError(Fbs::ErrorCode::NotFound, "there is no plugin " + pluginId);
		}

		auto* routerTap = AssertAndGetRouterTap(requiredString(message->routerId(), "router_id"));

		if (message->mode() != Fbs::Mode::Observe && message->mode() != Fbs::Mode::Filter)
		{
			throw RequestError(
			  Fbs::ErrorCode::Malformed,
			  "mode is " + std::to_string(static_cast<int>(message->mode())) +
			    ", must be observe or filter");
		}

		if (
		  message->mode() == Fbs::Mode::Filter &&
		  (message->deadlineUs() == 0 || message->deadlineUs() > MaxDeadlineUs))
		{
			throw RequestError(
			  Fbs::ErrorCode::Malformed,
			  "deadline_us is " + std::to_string(message->deadlineUs()) + ", must be from 1 to " +
			    std::to_string(MaxDeadlineUs));
		}

		checkPolicy(message->onTimeout(), "on_timeout");
		checkPolicy(message->onAbsent(), "on_absent");
		checkPolicy(message->onOverflow(), "on_overflow");

		auto attachment = std::make_unique<Attachment>();

		attachment->id         = id;
		attachment->number     = this->nextAttachmentNumber++;
		attachment->plugin     = pluginIt->second.get();
		attachment->routerTap  = routerTap;
		attachment->producerId = stringOf(message->producerId());
		attachment->audio      = message->audio();
		attachment->video      = message->video();
		attachment->pipe       = message->pipe();
		attachment->mode       = message->mode();
		attachment->order      = message->order();
		attachment->deadlineNs = message->deadlineUs() * NsPerUs;
		attachment->onTimeout  = message->onTimeout();
		attachment->onAbsent   = message->onAbsent();
		attachment->onOverflow = message->onOverflow();
		attachment->context    = stringOf(message->context());

		if (!attachment->producerId.empty() && !routerTap->HasProducer(attachment->producerId))
		{
			throw RequestError(
			  Fbs::ErrorCode::NotFound,
			  "there is no producer " + attachment->producerId + " in router " +
			    routerTap->GetRouterId());
		}

		auto* attached = attachment.get();

		this->attachments[id] = std::move(attachment);

		try
		{
			routerTap->Attach(attached);
		}
		catch (const std::exception&)
		{
			this->attachments.erase(id);

			throw;
		}
	}

	void Control::Detach(const std::string& attachmentId)
	{
		MS_TRACE();

		RemoveAttachment(AssertAndGetAttachment(attachmentId));
	}

	void Control::PauseAttachment(const Fbs::PauseAttachment* message)
	{
		MS_TRACE();

		auto* attachment =
		  AssertAndGetAttachment(requiredString(message->attachmentId(), "attachment_id"));

		attachment->paused = message->paused();

		if (attachment->paused)
		{
			ProducerTap::SettleAll(attachment, ProducerTap::Cause::DETACHED);
		}
	}

	void Control::RemoveAttachment(Attachment* attachment)
	{
		MS_TRACE();

		const auto id = attachment->id;

		attachment->routerTap->Detach(attachment);

		this->attachments.erase(id);
	}

	void Control::RemoveAllPlugins()
	{
		MS_TRACE();

		while (!this->plugins.empty())
		{
			const auto id = this->plugins.begin()->first;

			RemovePlugin(id);
		}
	}

	void Control::SendStats(ControlConnection* connection, uint32_t requestId)
	{
		MS_TRACE();

		flatbuffers::FlatBufferBuilder builder;
		std::vector<flatbuffers::Offset<Fbs::AttachmentStats>> attachmentStats;
		std::vector<flatbuffers::Offset<Fbs::RingStats>> ringStats;
		std::vector<flatbuffers::Offset<Fbs::PluginStats>> pluginStats;

		for (const auto& kv : this->attachments)
		{
			const auto& attachment = *kv.second;
			const auto& counters   = attachment.counters;
			const auto histogram   = attachment.holdHistogram.GetTrimmedCounts();

			attachmentStats.push_back(
			  Fbs::CreateAttachmentStatsDirect(
			    builder,
			    attachment.id.c_str(),
			    attachment.plugin->GetId().c_str(),
			    attachment.routerTap->GetRouterId().c_str(),
			    attachment.active,
			    attachment.paused,
			    counters.observed,
			    counters.observeOverflow,
			    counters.observeAbsent,
			    counters.accepted,
			    counters.dropped,
			    counters.timeoutAccepted,
			    counters.timeoutDropped,
			    counters.absentAccepted,
			    counters.absentDropped,
			    counters.overflowAccepted,
			    counters.overflowDropped,
			    counters.detachedAccepted,
			    counters.closedFreed,
			    attachment.held,
			    std::addressof(histogram)));
		}

		for (const auto& kv : this->plugins)
		{
			auto& plugin = *kv.second;

			for (auto* place : plugin.GetPlaces())
			{
				ringStats.push_back(place->FillBufferStats(builder));
			}

			pluginStats.push_back(plugin.FillBufferStats(builder));
		}

		const auto stats = Fbs::CreateStatsDirect(
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

	void Control::NotifyHostState(
	  const HostLink& link, bool connected, const std::string& reason, uint32_t held)
	{
		MS_TRACE();

		flatbuffers::FlatBufferBuilder builder;

		const auto changed = Fbs::CreateHostStateChangedDirect(
		  builder, link.GetPlugin()->GetId().c_str(), link.GetPid(), connected, reason.c_str(), held);

		SendToController(builder, Fbs::Body::HostStateChanged, changed.Union());
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

	RouterTap* Control::AssertAndGetRouterTap(const std::string& routerId) const
	{
		MS_TRACE();

		const auto it = this->routerTaps.find(routerId);

		if (it == this->routerTaps.end())
		{
			throw RequestError(Fbs::ErrorCode::NotFound, "there is no router " + routerId);
		}

		return it->second;
	}

	Attachment* Control::AssertAndGetAttachment(const std::string& attachmentId) const
	{
		MS_TRACE();

		const auto it = this->attachments.find(attachmentId);

		if (it == this->attachments.end())
		{
			throw RequestError(Fbs::ErrorCode::NotFound, "there is no attachment " + attachmentId);
		}

		return it->second.get();
	}
} // namespace PluginHost
