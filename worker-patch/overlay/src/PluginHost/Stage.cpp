#define MS_CLASS "PluginHost::Stage"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Stage.hpp"
#include "Logger.hpp"
#include "PluginHost/PluginPlace.hpp"

namespace PluginHost
{
	/* Instance methods. */

	Stage::~Stage()
	{
		MS_TRACE();

		SetMembers({});
	}

	Member* Stage::Find(const Attachment* attachment) const
	{
		const auto it = std::ranges::find_if(
		  this->members,
		  [attachment](const std::unique_ptr<Member>& member)
		  {
			  return member->GetAttachment() == attachment;
		  });

		return it != this->members.end() ? it->get() : nullptr;
	}

	void Stage::SetMembers(std::vector<std::unique_ptr<Member>> members)
	{
		MS_TRACE();

		this->members = std::move(members);

		if (this->run)
		{
			this->run->place->GetRuns().Leave(this->run);
			this->run = nullptr;
		}
	}

	std::vector<std::unique_ptr<Member>> Stage::TakeMembers()
	{
		MS_TRACE();

		auto taken = std::move(this->members);

		SetMembers({});

		return taken;
	}

	void Stage::TakeRun()
	{
		MS_TRACE();

		std::vector<Attachment*> attachments;

		for (const auto& member : this->members)
		{
			attachments.push_back(member->GetAttachment());
		}

		this->run = attachments.front()->place->GetRuns().Take(attachments);
	}
} // namespace PluginHost
