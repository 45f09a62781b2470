#ifndef MS_PLUGIN_HOST_STAGE_HPP
#define MS_PLUGIN_HOST_STAGE_HPP

#include "common.hpp"
#include "PluginHost/Member.hpp"
#include "PluginHost/Run.hpp"
#include <deque>
#include <memory>
#include <vector>

namespace PluginHost
{
	class Held;

	/**
	 * The members of one run in one chain. Items wait in it for their verdicts, and leave it in the order in which they came.
	 */
	class Stage
	{
	public:
		Stage() = default;
		~Stage();

		Stage(const Stage&)            = delete;
		Stage& operator=(const Stage&) = delete;

	public:
		/**
		 * Without members it only is there for what still waits in it.
		 */
		bool HasMembers() const
		{
			return !this->members.empty();
		}
		/**
		 * Of a stage that has members. Hosts get to know it with the first item, so that none is told of what was only passed through on the way.
		 */
		Run& GetRun()
		{
			if (!this->run)
			{
				TakeRun();
			}

			return *this->run;
		}
		const std::vector<std::unique_ptr<Member>>& GetMembers() const
		{
			return this->members;
		}
		/**
		 * nullptr if the attachment is no member.
		 */
		Member* Find(const Attachment* attachment) const;
		void SetMembers(std::vector<std::unique_ptr<Member>> members);
		std::vector<std::unique_ptr<Member>> TakeMembers();

	public:
		std::deque<Held*> queue;

	private:
		void TakeRun();

	private:
		// Allocated by this.
		std::vector<std::unique_ptr<Member>> members;
		// Others.
		Run* run{ nullptr };
	};
} // namespace PluginHost

#endif
