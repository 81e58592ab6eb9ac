/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package scala.tools.nsc.interpreter

import java.net.URL
import java.util.concurrent.locks.ReentrantLock

import scala.collection.mutable
import scala.reflect.NameTransformer
import scala.tools.nsc.{Global, Settings}
import scala.tools.nsc.reporters.Reporter

import sparkjob.driver.ValueText

/**
 * Scala's interpreter, which compiles once where it would compile twice: first the code, and then
 * code that shows what it came to. The latter is done here. Package private members are the reason
 * for the package.
 */
class QuickMain(settings: Settings, out: JPrintWriter) extends IMain(settings, out) {
  import global.definitions.{ObjectClass, PredefModule}
  import global.nme.{INTERPRETER_IMPORT_WRAPPER => Inner}

  /** Held while the compiler is in use, and not while code runs. */
  val compiling = new ReentrantLock

  /** What the last piece of code came to. */
  def value: AnyRef = lastValue()

  private var lastValue: () => AnyRef = () => null

  // what there was, in its order: that which is for all code, with the names that it refers to and
  // imports, and the rest by what it defines
  private val common = mutable.LinkedHashSet.empty[Request]
  private var commonNames, commonImports = Set.empty[global.Name]
  private val defining = mutable.HashMap.empty[global.Name, Vector[Request]]
  private var candidates: Option[List[Request]] = None

  // what the last piece of code imports, and all that this depends on
  private case class Use(
    requests: List[Request], names: Set[global.Name], prewrap: String, flat: Boolean)
  private var lastImports: Option[(Use, ComputedImports)] = None

  override def recordRequest(request: Request): Unit = {
    super.recordRequest(request)
    val (all, some) = request.handlers.partition { handler =>
      handler.definesImplicit || handler.isInstanceOf[memberHandlers.ImportHandler]
    }
    if (all.nonEmpty) {
      common += request
      commonNames ++= all.flatMap(_.referencedNames)
      commonImports ++= all.flatMap(imports)
    }
    some.flatMap(_.definedNames).foreach { name =>
      defining(name) = defining.getOrElse(name, Vector.empty) :+ request
    }
  }

  /** By name: what all members are imported with gives way to what is defined. */
  private def imports(handler: memberHandlers.MemberHandler): Seq[global.Name] = handler match {
    case imported: memberHandlers.ImportHandler =>
      imported.selectors.flatMap(selector => Option(selector.rename))
    case _ => handler.definedNames
  }

  /**
   * Looks at what may have the names that are wanted, and not at all that there ever was; nor again
   * where that is what it was for the last piece of code.
   */
  override protected def importsCode(
      wanted: Set[global.Name],
      wrapper: Request#Wrapper,
      generous: Boolean): ComputedImports = {
    if (generous) {
      super.importsCode(wanted, wrapper, generous)
    } else {
      val found = (wanted ++ commonNames).flatMap(defining.getOrElse(_, Vector.empty)) ++ common
      val deciding = wanted.filter(name => defining.contains(name) || name == PredefModule.name)
      val use = Use(found.toList.sortBy(_.lineRep.lineId), deciding, wrapper.prewrap, flat)
      if (!lastImports.exists(_._1 == use)) {
        candidates = Some(use.requests)
        val imports = try super.importsCode(wanted, wrapper, generous) finally candidates = None
        lastImports = Some(use -> (if (use.flat) flatImports(imports, wrapper) else imports))
      }
      lastImports.get._2
    }
  }

  /** What is imported may have other code run, which looks for itself. */
  override def prevRequestList: List[Request] = {
    val found = candidates.getOrElse(super.prevRequestList)
    candidates = None
    found
  }

  override def interpret(line: String, synthetic: Boolean): IR.Result = {
    compiling.lock()
    try {
      requestFromLine(line, synthetic) match {
        case Left(result) => cleared(result)
        case Right(null) => cleared(IR.Error)
        case Right(request) => cleared(run(request))
      }
    } finally {
      compiling.unlock()
    }
  }

  private def cleared(result: IR.Result): IR.Result = {
    if (result != IR.Incomplete) {
      reporter.reset()
      global.currentRun.reporting.clearAllConditionalWarnings()
    }
    result
  }

  /** A class of values is wrapped otherwise, and a macro has more to say. */
  private def run(request: Request): IR.Result = {
    val macros = request.handlers.exists(_.isInstanceOf[memberHandlers.TermMacroHandler])
    val twice = macros || request.definesValueClass
    flat = !twice && isFlat(request)
    if (twice) runTwice(request) else runOnce(request)
  }

  private def runTwice(request: Request): IR.Result = {
    if (!request.compile) {
      IR.Error
    } else {
      lastValue = () => request.lineRep.call(naming.sessionNames.result)
      show(request, attempt(request.lineRep.call(naming.sessionNames.print).toString))
    }
  }

  private def runOnce(request: Request): IR.Result = {
    reporter.reset()
    val code = if (flat) flatCode(request) else request.ObjectSourceCode(request.handlers)
    if (!request.lineRep.compile(code)) {
      IR.Error
    } else {
      // to be known while the compiler is where it is
      val text = if (printResults) request.handlers.map(shown(request, _)) else Nil
      request.typesOfDefinedTerms
      request.defHandlers.foreach { handler =>
        request.definedSymbols.get(handler.name).foreach(symbol => handler.member.setSymbol(symbol))
      }
      val last = request.handlers.last
      lastValue = () => if (last.definesValue) read(instance(request), last.name) else null
      show(request, attempt {
        // has the code run, whether it defines anything or not
        val defined = instance(request)
        text.map(_(defined)).mkString
      })
    }
  }

  // whether the piece of code has one class around it
  private var flat = false

  /**
   * Scala has two classes around the code, the inner one for what it defines, so that it may define
   * or inherit what the outer one imports. Where no such name is referred to, or imported for all
   * code, one class does. What defines classes has two: Spark finds instances by that. What has
   * functions, too: Spark does not see all that functions in functions use when it takes them to
   * tasks, and leaves out fields of the inner class, not of the outer one.
   */
  private def isFlat(request: Request): Boolean = {
    val names = (request.referencedNames ++ commonNames ++ commonImports).map(_.toTermName).toSet
    def defines(name: global.Name) = names(name.toTermName)
    request.handlers.forall {
      case defined @ (_: memberHandlers.ValHandler | _: memberHandlers.DefHandler) =>
        !defined.definesImplicit && !defined.definedNames.exists(defines)
      case _ => false
    } && !request.trees.exists(_.exists(isFunction)) &&
      !global.exitingTyper(names.exists(ObjectClass.info.member(_).exists))
  }

  private def isFunction(tree: global.Tree): Boolean = tree match {
    case _: global.Function | global.Match(global.EmptyTree, _) => true
    case _ => false
  }

  private def flatImports(imports: ComputedImports, wrapper: Request#Wrapper): ComputedImports = {
    val prepend = imports.prepend.stripSuffix(wrapper.prewrap.format(Inner))
    ComputedImports(imports.header, prepend, append = "", access = "")
  }

  /** Its class has the name of the inner one of two, which Spark cleans functions by. */
  private def flatCode(request: Request): String = {
    val read = request.lineRep.readName
    val wrapper = s"$read$$$Inner"
    // as many lines before the code as there are otherwise
    Seq("", request.headerPreamble, s"sealed class $wrapper extends _root_.java.io.Serializable {",
      "", "", request.importsPreamble, "", request.toCompute, "}",
      s"object $read { val INSTANCE = new $wrapper }").mkString("\n")
  }

  /** What is shown of a piece of the code, out of the object that has what it defines. */
  private def shown(request: Request, handler: memberHandlers.MemberHandler): AnyRef => String = handler match {
    case value: memberHandlers.ValHandler =>
      val kind = request.typeOf(value.name)
      val hidden = naming.isUserVarName(value.name.toString) && kind == "Unit"
      if (hidden || !value.mods.isPublic) {
        _ => ""
      } else if (value.mods.isLazy) {
        _ => s"${value.prettyName}: $kind = <lazy>\n"
      } else {
        defined => s"${value.prettyName}: $kind = " +
          ValueText.of(read(defined, value.name), shownMax, value.maxStringElements)
      }
    case method: memberHandlers.DefHandler =>
      val kind = request.typeOf(method.name)
      _ => if (method.mods.isPublic) s"${method.name}: $kind\n" else ""
    case assign: memberHandlers.AssignHandler =>
      val kind = request.lookupTypeOf(assign.name)
      defined => s"${assign.lhs}: $kind = " +
        s"${read(defined, assign.name)}".take(shownMax) + "\n"
    case module: memberHandlers.ModuleHandler => _ => s"defined object ${module.name}\n"
    case c: memberHandlers.ClassHandler => _ => s"defined ${c.keyword} ${c.name}\n"
    case alias: memberHandlers.TypeAliasHandler => _ => s"defined type alias ${alias.name}\n"
    case imported: memberHandlers.ImportHandler => _ => s"${imported.importString}\n"
    case _ => _ => ""
  }

  /** So many characters of a value are enough to print, which leaves out names of Scala's own. */
  private def shownMax: Int = isettings.maxPrintString match {
    case 0 => Int.MaxValue
    case max => math.min(Int.MaxValue, max.toLong + QuickMain.NamesMax).toInt
  }

  /** What the code shows; or why it failed. */
  private def attempt(body: => String): Either[Throwable, String] = {
    compiling.unlock()
    try {
      classLoader.asContext(Right(body))
    } catch {
      case t: Throwable => Left(t)
    } finally {
      compiling.lock()
    }
  }

  private def show(request: Request, result: Either[Throwable, String]): IR.Result = result match {
    case Right(text) =>
      if (printResults && text.nonEmpty) {
        reporter.printMessage(text.stripSuffix("\n"))
      }
      recordRequest(request)
      IR.Success
    case Left(t) =>
      reporter.printUntruncatedMessage(request.lineRep.bindError(t))
      IR.Error
  }

  /** What the code has made, by the way that code takes to it: through the objects that wrap it. */
  private def instance(request: Request): AnyRef = {
    val wrapper = Class.forName(request.lineRep.readPath + "$", true, classLoader)
    val names = readInstanceName.split('.') ++ request.accessPath.split('.')
    names.filter(_.nonEmpty).foldLeft(wrapper.getField(NameTransformer.MODULE_INSTANCE_NAME).get(null)) {
      case (owner, name) => call(owner, name)
    }
  }

  private def read(defined: AnyRef, name: global.Name): AnyRef = call(defined, name.encoded)

  private def call(owner: AnyRef, name: String): AnyRef =
    owner.getClass.getMethod(name).invoke(owner)

  /** Its own classes are known to the compiler, so nobody looks for them among all others. */
  override def getModuleIfDefined(path: String): global.Symbol = {
    if (path.startsWith(QuickMain.Own)) {
      global.rootMirror.getModuleIfDefined(path)
    } else {
      super.getModuleIfDefined(path)
    }
  }

  /** What there is from the beginning `parentClassLoader` has, whom it is asked of first. */
  override def compilerClasspath: Seq[URL] = Nil

  override protected def newCompiler(settings: Settings, reporter: Reporter): ReplGlobal = {
    settings.outputDirs.setSingleOutput(replOutput.dir)
    settings.exposeEmptyPackage.value = true
    new Global(settings, reporter) with QuickGlobal {
      override def sessionNames: Naming#SessionNames = naming.sessionNames
      override def toString: String = "<global>"
    }
  }
}

private object QuickMain {

  /** What the packages of the classes that an interpreter makes begin with. */
  val Own = "$line"

  /** So many characters what is shown may be shorter when it is printed. */
  val NamesMax = 64 * 1024
}
