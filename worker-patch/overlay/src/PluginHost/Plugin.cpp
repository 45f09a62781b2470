#define MS_CLASS "PluginHost::Plugin"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Plugin.hpp"
#include "Logger.hpp"
#include "PluginHost/HostLink.hpp"
#include <openssl/crypto.h> // CRYPTO_memcmp()

namespace PluginHost
{
	bool Plugin::TakeToken(const std::string& token)
	{
		MS_TRACE();

		if (
		  this->token.empty() || token.size() != this->token.size() ||
		  CRYPTO_memcmp(token.data(), this->token.data(), token.size()) != 0)
		{
			return false;
		}

		this->token.clear();

		return true;
	}

	void Plugin::AddStrike(PluginStrike strike)
	{
		MS_TRACE();

		++this->strikes;

		if (this->link)
		{
			this->link->OnStrike(strike);
		}
	}

	flatbuffers::Offset<Mph::Control::PluginStats> Plugin::FillBufferStats(
	  flatbuffers::FlatBufferBuilder& builder) const
	{
		MS_TRACE();

		return Mph::Control::CreatePluginStatsDirect(
		  builder,
		  this->id.c_str(),
		  this->link != nullptr,
		  this->link ? this->link->GetPid() : 0,
		  this->verdicts,
		  this->spuriousVerdicts,
		  this->strikes,
		  this->doorbells,
		  this->disconnects,
		  this->heldAtLastDisconnect,
		  this->promptVerdicts);
	}
} // namespace PluginHost
