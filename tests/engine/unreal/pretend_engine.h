// The few classes of Unreal Engine and UnrealCV that the plugin uses, pretended: enough to compile it and to tick it
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#define TEXT(s) s
#define IMPLEMENT_MODULE(Class, Name) Class TheModule;
using int64 = long long;
using uint8 = unsigned char;

struct FString : std::string
{
	FString(const char* Text = "") : std::string(Text) {}
	const char* operator*() const { return c_str(); }
	template <typename... T> static FString Printf(const char* Format, T... Values)
	{
		char Text[64];
		std::snprintf(Text, sizeof Text, Format, Values...);
		return Text;
	}
};
struct FCString { static double Atod(const char* Text) { return std::atof(Text); } };
struct FMath { static bool IsNearlyEqual(double A, double B, double Error) { return std::abs(A - B) <= Error; } };
template <typename T> struct TArray : std::vector<T>
{
	using std::vector<T>::vector;
	int Num() const { return static_cast<int>(this->size()); }
};
template <typename T> struct TSharedPtr : std::shared_ptr<T>
{
	using std::shared_ptr<T>::shared_ptr;
	bool IsValid() const { return this->get() != nullptr; }
};

using FDelegateHandle = int;
template <typename... Args> struct TMulticast
{
	std::vector<std::function<void(Args...)>> Bound;
	template <typename T> FDelegateHandle AddRaw(T* Object, void (T::*Method)(Args...))
	{
		Bound.push_back([=](Args... Values) { (Object->*Method)(Values...); });
		return static_cast<int>(Bound.size());
	}
	void Remove(FDelegateHandle) {}
	void Broadcast(Args... Values) { for (auto& One : Bound) One(Values...); }
};

enum ELevelTick { LEVELTICK_TimeOnly, LEVELTICK_ViewportsOnly, LEVELTICK_All, LEVELTICK_PauseTick };
struct APlayerController
{
	bool bPaused = false, bMayPause = true;
	bool IsPaused() const { return bPaused; }
	bool SetPause(bool bPause) { bPaused = bPause && bMayPause; return true; }
};
struct UWorld
{
	struct InitializationValues {};
	APlayerController Player;
	double Seconds = 0.0;
	APlayerController* GetFirstPlayerController() { return &Player; }
	bool IsPaused() const { return Player.bPaused; }
	bool IsGameWorld() const { return true; }
};
struct FApp
{
	static inline bool bFixed = true;
	static inline double Delta = 1.0 / 30.0;
	static bool UseFixedTimeStep() { return bFixed; }
	static void SetUseFixedTimeStep(bool bValue) { bFixed = bValue; }
	static double GetFixedDeltaTime() { return Delta; }
	static void SetFixedDeltaTime(double Value) { Delta = Value; }
};
struct FCoreDelegates { static inline TMulticast<> OnBeginFrame; };
struct FWorldDelegates
{
	static inline TMulticast<UWorld*, ELevelTick, float> OnWorldPostActorTick;
	static inline TMulticast<UWorld*, const UWorld::InitializationValues> OnPostWorldInitialization;
};
struct IModuleInterface
{
	virtual ~IModuleInterface() = default;
	virtual void StartupModule() {}
	virtual void ShutdownModule() {}
};

struct FExecStatus
{
	FString Said;
	static FExecStatus OK(const FString& Message = "ok") { return {Message}; }
	static FExecStatus Error(const FString& Message) { return {FString(("error " + Message).c_str())}; }
};
struct FDispatcherDelegate
{
	std::function<FExecStatus(const TArray<FString>&)> Call;
	template <typename T> static FDispatcherDelegate CreateRaw(T* Object, FExecStatus (T::*Method)(const TArray<FString>&))
	{
		return {[=](const TArray<FString>& Args) { return (Object->*Method)(Args); }};
	}
};
struct FCommandDispatcher
{
	std::vector<FDispatcherDelegate> Commands; // in the order of binding
	bool BindCommand(const FString&, const FDispatcherDelegate& Command, const FString&)
	{
		Commands.push_back(Command);
		return true;
	}
};
struct FUnrealcvServer
{
	TSharedPtr<FCommandDispatcher> Dispatcher{new FCommandDispatcher};
	UWorld World;
	static FUnrealcvServer& Get() { static FUnrealcvServer Server; return Server; }
	TSharedPtr<FCommandDispatcher> GetCommandDispatcher() const { return Dispatcher; }
	UWorld* GetGameWorld() { return &World; }
};
